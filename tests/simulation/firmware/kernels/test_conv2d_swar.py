"""Convolutions on cores without DSP, in the plain form of their blocks."""

from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches, fitted
from layer_cases import LayerCase, convolutions

from sparse_mcu.costmodel.devices import load_board

BOARDS = ["microbit", "bluepill"]
LAYERS = convolutions(kind="undilated")


@BATCHES
@given(batch=batches("conv2d_swar"), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@given(LAYERS)
def test_it_takes_what_its_conditions_allow(case: LayerCase) -> None:
    for board in BOARDS:
        made = fitted(case, "conv2d_swar", load_board(board).core)
        assert made is not None
        assert made.scratch_bytes > 0
