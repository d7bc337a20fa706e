"""Training learns, and repeats itself to the bit."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.network.module import Network, build_stage
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import TrainingState, float_error, train, train_on
from sparse_mcu.search.space.architecture import Layer
from sparse_mcu.search.space.configuration import Block, Configuration
from sparse_mcu.search.space.space import Space, build_architecture

SMALL = Configuration(
    input_pooling=1,
    blocks=(Block(operator="conv", kernel=3, channels=6, padded=True, reduction="max"),),
    head="flatten",
    hidden=(12,),
)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return digits.load(None)


def weights(network: Network) -> list[np.ndarray]:
    return [parameter.detach().numpy() for parameter in network.parameters()]


def test_training_learns_the_digits(data: Dataset) -> None:
    seen: list[tuple[int, int]] = []
    architecture = build_architecture(SMALL, data.task)
    network = train(architecture, data.train, Recipe(epochs=4), seed=0, on_epoch=lambda *done: seen.append(done))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert not network.training
    assert float_error(network, data.validation) < 0.1


def test_the_seed_decides_and_the_process_is_left_alone(data: Dataset) -> None:
    architecture = build_architecture(SMALL, data.task)
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    first, again, other = (train(architecture, data.train, Recipe(epochs=1), seed=seed) for seed in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(weights(first), weights(again), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(weights(first), weights(other), strict=True))
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("augmentation", [0.0, 1.0])
def test_in_parts_and_from_a_file_it_is_the_same_to_the_bit(data: Dataset, tmp_path: Path, augmentation: float) -> None:
    architecture = build_architecture(SMALL, data.task)
    recipe = Recipe(epochs=3, augmentation=augmentation, least_augmented_weights=0, least_augmented_macs=0)
    whole = train(architecture, data.train, recipe, seed=5)
    state = TrainingState.begin(architecture, data.train, recipe, seed=5)
    train_on(state, data.train, 1)
    rung = float_error(state.network, data.validation)
    state.save(tmp_path / "state")
    torch.rand(7)
    resumed = TrainingState.resume(tmp_path / "state", architecture, data.train, recipe)
    assert resumed.epochs_done == 1
    for each in (state, resumed):
        train_on(each, data.train, 2)
        assert each.epochs_done == 3
        for name, values in whole.state_dict().items():
            assert torch.equal(values, each.network.state_dict()[name].cpu()), name
        assert float_error(each.network, data.validation) == float_error(whole, data.validation) < rung


def test_only_networks_of_some_size_are_augmented(data: Dataset) -> None:
    architecture = build_architecture(SMALL, data.task)
    own = {"least_augmented_weights": architecture.weights, "least_augmented_macs": architecture.macs}
    changes = [{"augmentation": 0.0}, *({name: least + 1} for name, least in own.items()), {}]
    plain, light, quick, large = (
        weights(train(architecture, data.train, Recipe.model_validate(recipe), seed=5))
        for recipe in ({"epochs": 1, "augmentation": 1.0} | own | change for change in changes)
    )
    for small in (light, quick):
        assert all(np.array_equal(a, b) for a, b in zip(plain, small, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(plain, large, strict=True))


def test_modules_have_the_shapes_and_weights_of_their_layers(space: Space) -> None:
    rng = np.random.default_rng(0)
    for _ in range(25):
        architecture = build_architecture(space.sample(rng), space.task)
        network = Network(architecture).eval()
        outputs = network.outputs(torch.zeros(2, *space.task.shape))
        for layer, stage, values in zip(architecture.layers, network.stages, outputs, strict=True):
            assert tuple(values.shape[1:]) == layer.output_shape
            matrices = [p.numel() for p in stage.parameters() if p.dim() > 1]
            assert sum(matrices) == layer.weights


def test_an_unknown_layer_is_named() -> None:
    with pytest.raises(TypeError, match="Layer"):
        build_stage(Layer(name="x", inputs=("image",), input_shape=(1,)))


@pytest.mark.parametrize(("warm_up", "peak_step"), [(0.0, 0), (0.5, 4)])
def test_the_learning_rate_rises_in_the_warm_up_only(data: Dataset, warm_up: float, peak_step: int) -> None:
    recipe = Recipe(epochs=1, batch_size=128, learning_rate=0.01, warm_up=warm_up)
    state = TrainingState.begin(build_architecture(SMALL, data.task), data.train, recipe, seed=0)
    rates = [state.schedule.get_last_lr()[0]]
    for _ in range(8):
        state.optimiser.step()
        state.schedule.step()
        rates.append(state.schedule.get_last_lr()[0])
    assert int(np.argmax(rates)) == peak_step
    assert max(rates) == pytest.approx(0.01, rel=0.05)
    assert rates[-1] < 1e-4
