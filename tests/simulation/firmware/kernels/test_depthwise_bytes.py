"""Depthwise convolutions on cores without DSP, channel by channel as planes of bytes."""

from dataclasses import replace

import pytest
from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, convolutions, graph_of

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph.operators import Conv2d
from sparse_mcu.simulation.firmware.choice.selection import select_kernels

BOARDS = ["microbit", "bluepill"]
LAYERS = convolutions(kind="planes")


def kernel_of(case: LayerCase, board: str) -> str:
    """What takes the layer if this kernel is asked for."""
    settled = {"node/0": "depthwise_bytes"}
    return select_kernels(graph_of([case]), load_board(board).core, kernels=settled)["node/0"].kernel


@BATCHES
@given(cases=st.lists(LAYERS, min_size=8, max_size=12), board=st.sampled_from(BOARDS), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(cases: list[LayerCase], board: str, seed: int) -> None:
    assert_matches_reference(cases, board, seed, "depthwise_bytes")


@given(LAYERS)
def test_it_takes_what_its_conditions_allow(case: LayerCase) -> None:
    assert [kernel_of(case, board) for board in BOARDS] == ["depthwise_bytes"] * 2
    assert kernel_of(case, "nucleo-l4r5zi") != "depthwise_bytes"


@pytest.mark.parametrize("board", BOARDS)
@given(LAYERS)
def test_it_leaves_dilated_windows_to_others(board: str, case: LayerCase) -> None:
    assert isinstance(case.operator, Conv2d)
    wider = replace(case.operator, window=replace(case.operator.window, dilations=(2, 1)))
    assert kernel_of(replace(case, operator=wider), board) != "depthwise_bytes"
