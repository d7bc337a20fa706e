"""Fine-tuning changes weights, mends coarse quantisation, and computes what the firmware will compute."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sparse_mcu.costmodel.graph import encode_batch, load_graph
from sparse_mcu.costmodel.graph.tensor import Quantization
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.network.board_classes import board_classes
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.onnx_file import write_onnx
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import train
from sparse_mcu.search.network.stages.quantization import QuantizedNetwork, quantize
from sparse_mcu.search.network.stages.quantization_aware import RoundingNetwork, fine_tune
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.simulation.reference import run_batch

RECIPE = Recipe(epochs=4)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return digits.load(None)


@pytest.fixture(scope="module")
def made(data: Dataset) -> tuple[Network, QuantizedNetwork]:
    network = train(
        build_architecture(parse("conv-3x6 conv-3x6/add/max sep-3x8 avg dense"), data.task), data.train, RECIPE, seed=0
    )
    return network, quantize(network, data.train.images)


def coarse(quantized: QuantizedNetwork, factor: int) -> QuantizedNetwork:
    """Returns a quantisation in which convolutions have few steps: each is as large as `factor` of the others."""

    def wider(each: Quantization) -> Quantization:
        return Quantization(each.scale * factor, round((each.zero_point + 128) / factor) - 128)

    layers = tuple(replace(each, output=wider(each.output)) for each in quantized.layers[:-1])
    return replace(quantized, layers=(*layers, quantized.layers[-1]))


def written(quantized: QuantizedNetwork, folder: Path) -> Path:
    write_onnx(quantized, folder / "model.onnx", name="model")
    return folder / "model.onnx"


def board_error(quantized: QuantizedNetwork, data: Dataset, folder: Path) -> float:
    classes = board_classes(load_graph(written(quantized, folder)), data.validation.images)
    return float(np.mean(classes != data.validation.labels))


def test_it_mends_a_coarse_quantisation(data: Dataset, made: tuple[Network, QuantizedNetwork], tmp_path: Path) -> None:
    network, fine = made
    rough = replace(coarse(fine, 48), layers=requantized(network, coarse(fine, 48)).layers)
    tuned = fine_tune(network, rough, data.train, RECIPE, seed=0, epochs=3)
    before, after = board_error(rough, data, tmp_path), board_error(tuned, data, tmp_path)
    assert after < before - 0.03


def requantized(network: Network, quantized: QuantizedNetwork) -> QuantizedNetwork:
    """Returns the quantisation with weights that suit its scales."""
    return RoundingNetwork(network, quantized).exported()


def test_weights_change_and_ranges_stay(data: Dataset, made: tuple[Network, QuantizedNetwork]) -> None:
    network, quantized = made
    before = {name: values.clone() for name, values in network.state_dict().items()}
    seen: list[tuple[int, int]] = []
    tuned = fine_tune(
        network, quantized, data.train, RECIPE, seed=0, epochs=1, on_epoch=lambda *done: seen.append(done)
    )
    assert seen == [(1, 1)]
    assert tuned.input == quantized.input
    for old, new in zip(quantized.layers, tuned.layers, strict=True):
        assert new.output == old.output
        assert (new.weights is None) == (old.weights is None)
        if old.weights is not None and new.weights is not None:
            assert np.any(new.weights.values != old.weights.values)
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())


def test_no_epochs_give_the_calibrated_network(data: Dataset, made: tuple[Network, QuantizedNetwork]) -> None:
    network, quantized = made
    same = fine_tune(network, quantized, data.train, RECIPE, seed=0, epochs=0)
    for old, new in zip(quantized.layers, same.layers, strict=True):
        if old.weights is not None and new.weights is not None:
            assert np.array_equal(new.weights.values, old.weights.values)
            assert np.array_equal(new.weights.bias, old.weights.bias)


def test_equal_seeds_give_equal_weights(data: Dataset, made: tuple[Network, QuantizedNetwork]) -> None:
    one, same, other = (fine_tune(*made, data.train, RECIPE, seed=seed, epochs=1) for seed in (1, 1, 2))
    values = [np.concatenate([e.weights.values.ravel() for e in n.layers if e.weights]) for n in (one, same, other)]
    assert np.array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])


def test_zeros_stay_zero(data: Dataset, made: tuple[Network, QuantizedNetwork]) -> None:
    network = Network(made[0].architecture)
    network.load_state_dict(made[0].state_dict())
    network.eval()
    linear = next(module for module in network.modules() if isinstance(module, torch.nn.Linear))
    with torch.no_grad():
        linear.weight[:, ::2] = 0
    tuned = fine_tune(network, quantize(network, data.train.images), data.train, RECIPE, seed=0, epochs=1)
    last = tuned.layers[-1].weights
    assert last is not None
    assert not last.values[:, ::2].any()
    assert last.values[:, 1::2].any()


@pytest.mark.parametrize("change", [lambda each: each, lambda each: coarse(each, 8)], ids=["int8", "coarse"])
def test_it_trains_what_the_firmware_computes(
    data: Dataset,
    made: tuple[Network, QuantizedNetwork],
    tmp_path: Path,
    change: Callable[[QuantizedNetwork], QuantizedNetwork],
) -> None:
    network, quantized = made
    rounding = RoundingNetwork(network, change(quantized))
    exported = rounding.exported()
    with torch.no_grad():
        floats = rounding.logits(torch.from_numpy(data.validation.images)).numpy()
    held = exported.layers[-1].output
    expected = np.rint(floats / held.scale) + held.zero_point
    graph = load_graph(written(exported, tmp_path))
    (source,), (sink,) = graph.inputs, graph.outputs
    logits = run_batch(graph, {source: encode_batch(graph, source, data.validation.images[:, np.newaxis])})[sink]
    difference = np.abs(logits.reshape(expected.shape) - expected)
    assert difference.mean() < 0.5  # steps of a logit; a rounding inside the network moves some logits by a few
    assert np.mean(difference == 0) > 0.7
