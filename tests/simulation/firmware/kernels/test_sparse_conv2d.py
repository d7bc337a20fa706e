"""Convolutions of which most weights are zero."""

from firmware_builds import BATCHES, BOARDS, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, convolutions, graph_of, pruned

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.simulation.firmware.choice.selection import select_kernels


@BATCHES
@given(cases=st.lists(pruned(convolutions()), min_size=8, max_size=12), board=BOARDS, seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(cases: list[LayerCase], board: str, seed: int) -> None:
    assert_matches_reference(cases, board, seed)


@given(pruned(convolutions()))
def test_only_a_padded_window_is_copied(case: LayerCase) -> None:
    chosen = select_kernels(graph_of([case]), load_core("cortex-m0"))["node/0"]
    if chosen.kernel == "sparse_conv2d":
        window = case.operator.window
        taps = window.kernel[0] * window.kernel[1] * case.inputs[0].shape[-1]
        assert chosen.contract.scratch_bytes == (taps if any(window.padding) else 0)
