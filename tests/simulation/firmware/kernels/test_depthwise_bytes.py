"""Depthwise convolutions on cores without DSP, channel by channel as planes of bytes."""

from dataclasses import replace

import pytest
from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches, fitted
from layer_cases import LayerCase, convolutions

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph.operators import Conv2d

BOARDS, KERNEL = ["microbit", "bluepill"], "depthwise_bytes"
LAYERS = convolutions(kind="planes")


@BATCHES
@given(batch=batches(KERNEL), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@given(LAYERS)
def test_it_takes_what_its_conditions_allow(case: LayerCase) -> None:
    taken = {board: fitted(case, KERNEL, load_board(board).core) is not None for board in (*BOARDS, "nucleo-l4r5zi")}
    assert taken == {"microbit": True, "bluepill": True, "nucleo-l4r5zi": False}


@pytest.mark.parametrize("board", BOARDS)
@given(LAYERS)
def test_it_leaves_dilated_windows_to_others(board: str, case: LayerCase) -> None:
    assert isinstance(case.operator, Conv2d)
    wider = replace(case.operator, window=replace(case.operator.window, dilations=(2, 1)))
    assert fitted(replace(case, operator=wider), KERNEL, load_board(board).core) is None
