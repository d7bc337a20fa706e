"""Folding is exact, and int8 values are the nearest ones to what they stand for."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from sparse_mcu.costmodel.graph.tensor import Quantization
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.stages.quantization import (
    FoldedLayer,
    activations,
    fold,
    full_range,
    least_error_range,
    quantize,
    quantize_weights,
)
from sparse_mcu.search.space.architecture import IMAGE, Concat, Conv, Dense, MaxPool
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import Space, build_architecture


def scrambled(space: Space, seed: int) -> Network:
    """A network whose batch normalisations are far from the identity."""
    generator = torch.Generator().manual_seed(seed)
    network = Network(build_architecture(space.sample(np.random.default_rng(seed)), space.task)).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            for tensor, low, high in (
                (module.weight.data, -2, 2),
                (module.bias.data, -1, 1),
                (module.running_mean, -1, 1),
                (module.running_var, 0.1, 4),
            ):
                assert tensor is not None
                tensor.uniform_(low, high, generator=generator)
    return network


@pytest.mark.parametrize("seed", range(12))
def test_a_folded_layer_computes_what_its_stage_does(space: Space, seed: int) -> None:
    network = scrambled(space, seed)
    folded = fold(network)
    images = np.random.default_rng(seed).random((4, *space.task.shape), dtype=np.float32)
    values = {IMAGE: torch.from_numpy(images)}
    for layer, after in zip(network.architecture.layers, activations(network, images), strict=True):
        before = values[layer.inputs[0]]
        values[layer.name] = torch.from_numpy(after)
        if isinstance(layer, Conv):
            constants = folded[layer.name]
            padded = nn.functional.pad(before, (*layer.padding, *layer.padding))
            sums = nn.functional.conv2d(
                padded,
                torch.from_numpy(constants.weights),
                torch.from_numpy(constants.bias),
                stride=layer.stride,
                groups=layer.groups,
            )
            assert (sums.relu() if layer.relu else sums).numpy() == pytest.approx(after, abs=1e-4)
        if isinstance(layer, Dense):
            constants = folded[layer.name]
            sums = before @ torch.from_numpy(constants.weights).T + torch.from_numpy(constants.bias)
            assert (sums.relu() if layer.hidden else sums).numpy() == pytest.approx(after, abs=1e-4)


VALUES = arrays(np.float32, st.integers(1, 50), elements=st.floats(-100, 100, width=32))


@settings(max_examples=100, deadline=None)
@given(values=VALUES)
def test_the_full_range_holds_every_value_and_zero(values: np.ndarray) -> None:
    quantization = full_range(values)
    levels = np.rint(values / quantization.scale) + quantization.zero_point
    assert -128 <= quantization.zero_point <= 127
    assert quantization.scale == np.float32(quantization.scale)
    assert levels.min() >= -129
    assert levels.max() <= 128
    restored = (np.clip(levels, -128, 127) - quantization.zero_point) * quantization.scale
    assert np.abs(restored - values).max() <= 1.01 * quantization.scale + 1e-30


def test_pixels_between_zero_and_one_become_the_bytes_they_were() -> None:
    quantization = full_range(np.array([0, 1], dtype=np.float32))
    assert quantization.zero_point == -128
    assert quantization.scale == pytest.approx(1 / 255)


def test_a_long_tail_is_clipped_where_that_pays() -> None:
    rng = np.random.default_rng(0)
    flat, tailed = rng.random(10_000).astype(np.float32), rng.laplace(size=100_000).astype(np.float32)
    assert least_error_range(flat).scale == pytest.approx(full_range(flat).scale, rel=0.06)
    assert least_error_range(tailed).scale < 0.95 * full_range(tailed).scale


@settings(max_examples=60, deadline=None)
@given(
    weights=arrays(np.float32, (3, 4), elements=st.floats(-10, 10, width=32)),
    bias=arrays(np.float32, 3, elements=st.floats(-1000, 1000, width=32)),
    scale=st.floats(1e-4, 1),
)
def test_weights_are_the_nearest_and_biases_fit(weights: np.ndarray, bias: np.ndarray, scale: float) -> None:
    quantized = quantize_weights(FoldedLayer(weights, bias), scale)
    scales = quantized.scales[:, np.newaxis].astype(np.float64)
    assert (quantized.scales > 0).all()
    assert np.abs(quantized.values).max() <= 127
    assert (np.abs(quantized.values * scales - weights) <= 0.501 * scales).all()
    assert np.abs(quantized.bias).max() <= 2**24 + 2
    assert (
        np.abs(quantized.bias * quantized.bias_scales.astype(np.float64) - bias) <= 0.51 * quantized.bias_scales + 1e-4
    ).all()


def test_channels_too_small_for_a_scale_become_zero() -> None:
    tiny = np.full(1, 4e-40, np.float32)
    quantized = quantize_weights(FoldedLayer(tiny.reshape(1, 1), tiny), 0.03125)
    assert (quantized.scales[0], quantized.values.item(), quantized.bias.item()) == (1, 0, 0)


def test_the_worked_example_of_calibration() -> None:
    values = np.append(np.linspace(0, 1, 100_000), 1.275).astype(np.float32)
    assert full_range(values).scale == pytest.approx(0.005)
    assert least_error_range(values).scale == pytest.approx(0.0045)


def test_the_worked_example_of_weights() -> None:
    folded = FoldedLayer(np.array([[0.5, -1.27]], np.float32), np.array([0.3], np.float32))
    quantized = quantize_weights(folded, 0.1)
    assert quantized.scales == pytest.approx([0.01])
    assert quantized.values.tolist() == [[50, -127]]
    assert quantized.bias.tolist() == [300]


def test_a_switched_off_channel_keeps_its_bias() -> None:
    quantized = quantize_weights(FoldedLayer(np.zeros((2, 3), np.float32), np.array([5, 0], np.float32)), 1e-3)
    assert quantized.bias[0] * quantized.bias_scales[0] == pytest.approx(5)
    assert quantized.scales[1] == 1


def quantized_tensors(network: Network) -> dict[str, Quantization]:
    """The quantisation of the image and of each layer's output, after calibration on noise."""
    shape = network.architecture.task.shape
    quantized = quantize(network, np.random.default_rng(0).random((8, *shape), dtype=np.float32))
    return {IMAGE: quantized.input} | {each.layer.name: each.output for each in quantized.layers}


def test_max_pooling_and_flattening_keep_their_inputs_quantisation(space: Space) -> None:
    for seed in range(20):
        network = scrambled(space, seed)
        found = quantized_tensors(network)
        for layer in network.architecture.layers:
            if type(layer).__name__ in {"MaxPool", "Flatten"}:
                assert found[layer.name] == found[layer.inputs[0]]


def test_what_a_concatenation_joins_has_one_quantisation(space: Space) -> None:
    torch.manual_seed(0)
    text = "conv-3x4 conv-3x6/max conv-3x4/cat conv-3x2|sep-3x3/cat/max conv-3x15/add dense"
    network = Network(build_architecture(parse(text), space.task)).eval()
    found = quantized_tensors(network)
    joins = [layer for layer in network.architecture.layers if isinstance(layer, Concat | MaxPool)]
    tied = {name for layer in joins for name in (layer.name, *layer.inputs)}
    assert len(tied) == 8
    assert len({found[name] for name in tied}) == 1
    assert len({found[name] for name in found if name not in tied and name != "flatten"}) == len(found) - len(tied) - 1


def test_a_concatenation_with_the_image_holds_every_pixel(space: Space) -> None:
    network = Network(build_architecture(parse("conv-3x4/cat dense"), space.task)).eval()
    found = quantized_tensors(network)
    assert found[IMAGE] == found["block0_conv"] == found["block0_concat"]
    assert (127 - found[IMAGE].zero_point) * found[IMAGE].scale >= 0.99
