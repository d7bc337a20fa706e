"""Bayesian Compression removes channels, neurons and features, and the file that is exported has fewer of them."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.costmodel.graph.operators import Conv2d, Gather
from sparse_mcu.costmodel.graph.operators import Dense as DenseOperator
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.onnx_file import write_onnx
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import float_error
from sparse_mcu.search.network.stages.pruning.bayesian import _Posterior, prune_by_bayesian_compression
from sparse_mcu.search.network.stages.pruning.fitting import Lesson
from sparse_mcu.search.network.stages.pruning.noise import noise
from sparse_mcu.search.network.stages.quantization import quantize
from sparse_mcu.search.space.architecture import Conv, Dense, Select


@pytest.fixture(scope="module")
def pruned(network: Network, data: Dataset) -> Network:
    lesson = Lesson(data=data.train, recipe=Recipe(epochs=1, batch_size=32), epochs=8, seed=0)
    return prune_by_bayesian_compression(copy.deepcopy(network), lesson, 3.0)


def test_channels_and_neurons_leave_and_the_rest_still_knows_the_digits(
    network: Network, pruned: Network, data: Dataset
) -> None:
    before = {layer.name: layer for layer in network.architecture.layers}
    after = {layer.name: layer for layer in pruned.architecture.layers}
    assert pruned.architecture.is_valid
    widths = [name for name in before if isinstance(before[name], Conv | Dense) and name != "logits"]
    assert sum(after[name].output_shape[0] for name in widths) < sum(before[name].output_shape[0] for name in widths)
    assert pruned.architecture.weights < 0.7 * network.architecture.weights
    assert isinstance(after["flatten_kept"], Select)
    assert float_error(pruned, data.validation) < 0.5  # before the tuning


def test_the_exported_network_is_as_small(network: Network, pruned: Network, data: Dataset, tmp_path: Path) -> None:
    for name, each in (("whole", network), ("pruned", pruned)):
        write_onnx(quantize(each, data.train.images[:64]), tmp_path / f"{name}.onnx", name=name)
    whole, small = (load_graph(tmp_path / f"{name}.onnx").operators for name in ("whole", "pruned"))
    kinds = Conv2d | DenseOperator
    outputs = [[each.bias.size for each in graph if isinstance(each, kinds)] for graph in (whole, small)]
    layers = [layer for layer in pruned.architecture.layers if isinstance(layer, Conv | Dense)]
    assert outputs[1] == [layer.output_shape[0] for layer in layers]
    assert sum(outputs[1]) < sum(outputs[0])
    gathers = [each for each in small if isinstance(each, Gather)]
    dense = next(each for each in small if isinstance(each, DenseOperator))
    assert [each.indices.size for each in gathers] == [dense.weights.shape[1]]


def test_without_noise_the_factors_are_part_of_the_weights(network: Network, data: Dataset) -> None:
    network = copy.deepcopy(network)
    posterior = _Posterior(network, 1.0)
    generator = torch.Generator().manual_seed(0)
    for factors in (posterior.channels, *posterior.features.values()):
        factors.means.data.uniform_(-1, 2, generator=generator)
        factors.log_variance.data.fill_(-40.0)
    for each in posterior.noisy:
        each.log_variance.data.fill_(-40.0)
    images = torch.from_numpy(data.validation.images[:20])
    with torch.no_grad():
        plain = network(images)
        with noise(posterior.gates), noise(posterior.noisy):
            multiplied = network(images)
        for gate in posterior.gates:
            gate.fold()
        folded = network(images)
    assert not torch.allclose(plain, multiplied, atol=0.1)
    assert torch.allclose(multiplied, folded, atol=0.02)


def test_channels_stay_whose_variance_is_below_a_seventh_of_the_square_of_their_mean(network: Network) -> None:
    posterior = _Posterior(copy.deepcopy(network), 1.0)
    for factors in (posterior.channels, *posterior.features.values()):
        factors.log_variance.data.fill_(np.log(0.14))
        factors.log_variance.data[::2] = np.log(0.13)
    kept = posterior.kept()
    free = ~posterior.numbers.fixed
    assert kept.channels[free].tolist() == [number % 2 == 0 for number in np.flatnonzero(free)]
    assert all(each[::2].all() and not each[1::2].any() for each in kept.features.values())


def test_one_output_of_each_layer_stays_even_if_all_are_noise(network: Network) -> None:
    posterior = _Posterior(copy.deepcopy(network), 1.0)
    for factors in (posterior.channels, *posterior.features.values()):
        factors.log_variance.data.fill_(5.0)
        factors.means.data[0] = 1.5
    kept = posterior.kept()
    for layer in network.architecture.layers:
        stays = kept.channels[posterior.numbers.outputs[layer.name]]
        assert stays.all() if layer.name == "logits" else stays.any()
    assert [np.count_nonzero(each) for each in kept.features.values()] == [1]
