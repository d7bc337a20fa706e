"""Softmax against onnxruntime."""

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import Softmax


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(["int8", "uint8"]),
    length=st.integers(1, 300),
    scale_in=st.floats(1e-3, 1.0),
    scale_out=st.one_of(st.just(1 / 256), st.just(1 / 128), st.floats(0.003, 0.01)),
)
def test_softmax_agrees_and_stays_in_32_bits(
    seed: int, dtype: str, length: int, scale_in: float, scale_out: float
) -> None:
    network = QdqNetwork(np.random.default_rng(seed), dtype=dtype)
    x = network.input((1, length), scale=float(np.float32(scale_in)))
    (softmax,) = assert_agrees(network, network.softmax(x, scale=scale_out)).operators
    assert isinstance(softmax, Softmax)
    one = int(softmax.exp_table[0])
    assert one == softmax.exp_table.max()
    assert one * softmax.numerator + length * one * softmax.denominator // 2 < 2**32
    assert length * one * softmax.denominator < 2**32
    assert softmax.denominator & (softmax.denominator - 1) == 0


def test_the_usual_output_scale_is_exact() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    (softmax,) = load_built(network, network.softmax(network.input((1, 10)))).operators
    assert isinstance(softmax, Softmax)
    assert (softmax.numerator, softmax.denominator) == (256, 1)


def test_softmax_over_channels_needs_no_move_where_channels_are_last() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.conv(network.input((1, 3, 6, 5)), 4, (1, 1))
    assert kinds(assert_agrees(network, network.softmax(x, axis=1))) == ["Conv2d", "Softmax"]


def test_softmax_over_another_axis_moves_it_last() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.conv(network.input((1, 3, 6, 5)), 4, (1, 1))
    assert kinds(assert_agrees(network, network.softmax(x, axis=2))) == ["Conv2d", "Transpose", "Softmax"]


def test_an_output_scale_beyond_32_bits_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    with pytest.raises(UnsupportedQuantizationError, match="needs more than 32 bits"):
        load_built(network, network.softmax(network.input((1, 10)), scale=1e-12))
