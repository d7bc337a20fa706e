"""Depthwise convolutions on cores with DSP, in the plain form of their products."""

from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, convolutions, graph_of

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.simulation.firmware.choice.selection import select_kernels

BOARDS = ["nucleo-l4r5zi"]
LAYERS = convolutions(kind="planes")


@BATCHES
@given(cases=st.lists(LAYERS, min_size=8, max_size=12), board=st.sampled_from(BOARDS), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(cases: list[LayerCase], board: str, seed: int) -> None:
    assert_matches_reference(cases, board, seed, "depthwise_planes")


@given(LAYERS)
def test_it_takes_what_its_conditions_allow(case: LayerCase) -> None:
    graph = graph_of([case])
    for board in BOARDS:
        chosen = select_kernels(graph, load_board(board).core, kernels={"node/0": "depthwise_planes"})["node/0"]
        assert chosen.kernel == "depthwise_planes"
        assert chosen.scratch_bytes > 0
