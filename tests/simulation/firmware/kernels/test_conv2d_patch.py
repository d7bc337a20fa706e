"""Convolutions of few channels, whose windows are gathered."""

from firmware_builds import BATCHES, BOARDS, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, convolutions, graph_of

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.simulation.firmware.kernels.conv2d_patch import conv2d_patch
from sparse_mcu.simulation.firmware.kernels.kernel import site_of


@BATCHES
@given(cases=st.lists(convolutions(kind="shallow"), min_size=8, max_size=12), board=BOARDS, seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(cases: list[LayerCase], board: str, seed: int) -> None:
    assert_matches_reference(cases, board, seed, "conv2d_patch")


@given(convolutions(kind="shallow"))
def test_its_scratch_is_one_window(case: LayerCase) -> None:
    graph = graph_of([case])
    made = conv2d_patch(site_of(graph, graph.operators[0], load_core("cortex-m4")))
    assert made is None or made.contract.scratch_bytes == case.operator.weights[0].size
