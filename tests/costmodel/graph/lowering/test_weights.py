"""Integer layers against real arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.errors import ModelError, UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import Quantization
from sparse_mcu.costmodel.graph.attributes import Attributes
from sparse_mcu.costmodel.graph.lowering.constants import Constant
from sparse_mcu.costmodel.graph.lowering.weights import accumulator_layer, real_bias
from sparse_mcu.costmodel.graph.node import Node

NODE = Node("Gemm", "layer", ("x", "w"), ("y",), Attributes([], "layer"), "layer")
INPUT, OUTPUT = Quantization(0.02, 5), Quantization(0.1, -3)


def constant(codes: np.ndarray, scale: np.ndarray) -> Constant:
    """Symmetric weights, output channels first."""
    return Constant(codes.astype(np.int8), scale.astype(np.float64), np.zeros(scale.shape, np.int64), 0)


def worst_error(codes: np.ndarray, scale: np.ndarray, bias: np.ndarray, rng: np.random.Generator) -> float:
    """Largest distance from the real result, in units of the output, over inputs that do not saturate."""
    layer = accumulator_layer(NODE, constant(codes, scale), bias, INPUT, OUTPUT)
    x = rng.integers(-128, 128, (200, codes.shape[1]))
    real = INPUT.scale * (x - INPUT.zero_point) @ (scale[:, None] * codes).T + bias
    got = layer.rescale.apply((x - INPUT.zero_point) @ layer.weights.T.astype(np.int64) + layer.bias)
    inside = np.abs(real / OUTPUT.scale) < 256
    return float(np.abs(got - real / OUTPUT.scale)[inside].max(initial=0))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), dying=st.floats(1e-12, 1.0))
def test_layers_are_within_a_hair_of_rounding(seed: int, dying: float) -> None:
    """One channel's scale shrinks towards nothing, as pruning leaves it, while its bias stays."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(-127, 128, (4, 20))
    scale = rng.uniform(1e-4, 1e-2, 4) * np.array([1, 1, 1, dying])
    assert worst_error(codes, scale, rng.normal(0, 3, 4), rng) < 0.52


def test_a_healthy_channel_keeps_its_weights() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(-127, 128, (4, 20))
    layer = accumulator_layer(NODE, constant(codes, np.full(4, 0.01)), np.ones(4), INPUT, OUTPUT)
    assert np.array_equal(layer.weights, codes)
    assert np.array_equal(layer.bias, np.rint(np.ones(4) / (0.01 * INPUT.scale)))


def test_a_channel_without_weights_gets_an_exact_bias() -> None:
    rng = np.random.default_rng(0)
    codes = np.zeros((2, 20), int)
    assert worst_error(codes, np.array([1e-12, 1e-30]), np.array([1.2345, -2.5]), rng) < 0.5001


def test_an_accumulator_that_could_overflow_is_refused() -> None:
    codes = np.full((1, 140_000), 127)
    with pytest.raises(UnsupportedQuantizationError, match="overflow 32 bits"):
        accumulator_layer(NODE, constant(codes, np.array([0.01])), np.zeros(1), INPUT, Quantization(2.0, 0))


def test_a_bias_that_is_no_number_is_refused() -> None:
    with pytest.raises(ModelError, match="NaN or infinity"):
        accumulator_layer(NODE, constant(np.ones((1, 4)), np.array([0.01])), np.array([np.nan]), INPUT, OUTPUT)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (1, 4)])
def test_biases_broadcast_to_the_channels(shape: tuple[int, ...]) -> None:
    bias = Constant(np.full(shape, 2.5, np.float32))
    assert real_bias(NODE, bias, 4).tolist() == [2.5] * 4


@pytest.mark.parametrize("shape", [(3,), (4, 1), (2, 2)])
def test_biases_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="for 4 channels"):
        real_bias(NODE, Constant(np.ones(shape, np.float32)), 4)


def test_a_bias_of_bare_integers_is_refused() -> None:
    with pytest.raises(ModelError, match="bias of type int32"):
        real_bias(NODE, Constant(np.ones(4, np.int32)), 4)
