"""What leaves a network changes no output, if nothing used it."""

import numpy as np
import pytest
import torch

from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.stages.pruning.channels import mixes, number_channels
from sparse_mcu.search.network.stages.pruning.layers import count_nonzero, weighted_layers
from sparse_mcu.search.network.stages.pruning.removal import Kept, remove, without_unused
from sparse_mcu.search.space.architecture import Flatten, Select
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import Space, build_architecture

GRAPHS = (
    "conv-3x6 conv-3x6/add conv-3x4|sep-3x5/max conv-3x5/cat/max dense-7 dense",
    "conv-3x5/cat/max sep-3x8 sep-3x8/add avg dense",
)


def sampled(space: Space, seed: int) -> tuple[Network, torch.Tensor]:
    """A random network with statistics that differ from channel to channel, and images for it."""
    generator = torch.Generator().manual_seed(seed)
    configuration = parse(GRAPHS[seed]) if seed < len(GRAPHS) else space.sample(np.random.default_rng(seed))
    network = Network(build_architecture(configuration, space.task)).eval()
    for values in network.state_dict().values():
        if values.dim() == 1:
            values.uniform_(0.2, 1.5, generator=generator)
    return network, torch.rand(4, *space.task.shape, generator=generator)


@pytest.mark.parametrize("seed", range(24))
def test_what_is_removed_is_as_if_its_weights_were_zero(space: Space, seed: int) -> None:
    network, images = sampled(space, seed)
    numbers, rng = number_channels(network.architecture), np.random.default_rng(seed)
    stays = (rng.random(len(numbers.fixed)) < 0.6) | numbers.fixed
    for outputs in numbers.outputs.values():
        stays[outputs[0]] = True
    layers = network.architecture.layers
    flat = next(layer for layer in layers if isinstance(layer, Flatten))
    features = rng.random(flat.output_shape[0]) < 0.5
    features[0] = True
    small = remove(network, Kept(stays, {flat.name: features}))
    reader = next(layer.name for layer in layers if mixes(layer) and layer.input_shape == flat.output_shape)
    with torch.no_grad():
        for name, module in weighted_layers(network).items():
            kept = stays[numbers.inputs[name]] & (features if name == reader else True)
            if module.weight.shape[1] == len(kept):
                module.weight[:, torch.from_numpy(~kept)] = 0.0
        assert torch.allclose(network(images), small(images), atol=1e-5)
    assert small.architecture.is_valid
    assert small.architecture.weights == sum(module.weight.numel() for module in weighted_layers(small).values())
    assert small.architecture.weights < network.architecture.weights or stays.all()
    # What was removed once can lose more: also from a list of features.
    again = without_unused(small)
    with torch.no_grad():
        assert torch.allclose(small(images), again(images), atol=1e-5)


@pytest.mark.parametrize("seed", range(12))
def test_what_no_weight_uses_leaves_and_outputs_stay(space: Space, seed: int) -> None:
    network, images = sampled(space, seed)
    for module in weighted_layers(network).values():
        module.weight.data[torch.rand(module.weight.shape, generator=torch.Generator().manual_seed(seed)) < 0.9] = 0.0
    small = without_unused(network)
    with torch.no_grad():
        assert torch.allclose(network(images), small(images), atol=1e-5)
    assert count_nonzero(small) <= count_nonzero(network)
    assert not any(isinstance(layer, Select) for layer in small.architecture.layers)


def test_a_list_of_features_must_save_bytes(space: Space) -> None:
    network, _ = sampled(space, 0)
    numbers = number_channels(network.architecture)
    flat = next(layer for layer in network.architecture.layers if isinstance(layer, Flatten))
    features = np.ones(flat.output_shape[0], np.bool_)
    features[-1] = False
    everything = np.ones(len(numbers.fixed), np.bool_)
    cheap = remove(network, Kept(everything, {flat.name: features}))
    units = next(layer for layer in network.architecture.layers if mixes(layer) and len(layer.input_shape) == 1).weights
    is_listed = any(isinstance(layer, Select) for layer in cheap.architecture.layers)
    assert is_listed == (units // len(features) > len(features) - 1)


def test_what_meets_in_an_addition_stays(space: Space) -> None:
    architecture = build_architecture(parse("conv-3x6 conv-3x6/add conv-3x4 avg dense"), space.task)
    numbers = number_channels(architecture)
    stays = {name: bool(numbers.fixed[outputs].all()) for name, outputs in numbers.outputs.items()}
    assert [name for name, all_stay in stays.items() if not all_stay] == ["block2_conv", "head_pool", "flatten"]
