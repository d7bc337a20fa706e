"""Fully connected layers by two channels in a word, in the plain form of their blocks."""

import pytest
from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches, fitted
from layer_cases import LayerCase, dense_layers

from sparse_mcu.costmodel.devices import load_board

LAYERS = dense_layers(fast=True) | dense_layers()


@BATCHES
@given(batch=batches("dense_biplex"), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@pytest.mark.parametrize(("board", "fewest"), [("nucleo-l4r5zi", 2), ("microbit", 4), ("bluepill", 1000)])
@given(case=LAYERS)
def test_it_takes_layers_whose_weights_fit_its_words(board: str, fewest: int, case: LayerCase) -> None:
    made = fitted(case, "dense_biplex", load_board(board).core)
    outputs, features = case.operator.weights.shape
    unaligned = board == "microbit" and case.inputs[0].size_bytes > features and features % 4
    if outputs < fewest or outputs == 3 or features < 4 or unaligned:
        assert made is None
    elif case.operator.weights.min() > -128:
        assert made is not None
        assert made.scratch_bytes == 0
