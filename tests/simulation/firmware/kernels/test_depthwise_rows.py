"""Depthwise convolutions straight from their input, row by row."""

from dataclasses import replace

import pytest
from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches, fitted
from layer_cases import LayerCase, single_rows

from sparse_mcu.benchmarks.kernels import LayerShape, run_layer
from sparse_mcu.benchmarks.kernels import graph_of as network_of
from sparse_mcu.costmodel.devices import load_board, load_core
from sparse_mcu.costmodel.graph.operators import Conv2d, Window
from sparse_mcu.simulation.firmware.choice.selection import choices_of
from sparse_mcu.simulation.firmware.kernels.depthwise_rows import Row, depthwise_rows
from sparse_mcu.simulation.firmware.kernels.kernel import Site

BOARDS = ["microbit", "bluepill", "nucleo-l4r5zi"]
SIDES = (0, 1, 0, 1)


@BATCHES
@given(batch=batches("depthwise_rows"), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@given(case=single_rows(), board=st.sampled_from(BOARDS))
def test_it_needs_no_working_memory(case: LayerCase, board: str) -> None:
    made = fitted(case, "depthwise_rows", load_board(board).core)
    assert made is not None
    assert made.scratch_bytes == 0


@given(
    case=single_rows(),
    top=st.integers(0, 1),
    bottom=st.integers(0, 1),
    core=st.sampled_from(["cortex-m0", "cortex-m4"]),
)
def test_it_declines_rows_outside(case: LayerCase, top: int, bottom: int, core: str) -> None:
    assert isinstance(case.operator, Conv2d)
    _, left, _, right = case.operator.window.padding
    window = replace(case.operator.window, padding=(top, left, bottom, right))
    site = Site(replace(case.operator, window=window), case.inputs, case.output, load_core(core))
    assert (depthwise_rows(site) is None) == (top + bottom > 0)


@pytest.mark.parametrize("taps", [(3, 5), (4, 4)])
def test_it_declines_many_taps(taps: tuple[int, int]) -> None:
    graph = network_of(LayerShape(8, 8, 4, 0, taps))
    kernels = [each.kernel for each in choices_of(graph, load_core("cortex-m4"), "speed")["layer"]]
    assert ("depthwise_rows" in kernels) == (taps[0] * taps[1] <= 15)


@given(
    width=st.integers(1, 40),
    taps=st.integers(1, 5),
    stride=st.integers(1, 4),
    left=st.integers(0, 6),
    right=st.integers(0, 6),
    together=st.integers(1, 4),
    keeps=st.booleans(),
)
def test_a_row_is_cut_into_steps(
    width: int, taps: int, stride: int, left: int, right: int, together: int, keeps: bool
) -> None:
    out_width = max(1, (width + left + right - taps) // stride + 1)
    window = Window(kernel=(3, taps), strides=(1, stride), padding=(0, left, 0, right))
    row = Row(width, out_width, window, together, keeps)
    outputs = [
        each.first + time * each.outputs + i
        for each in row.segments
        for time in range(each.times)
        for i in range(each.outputs)
    ]
    assert outputs == list(range(out_width))
    for steps in row.segments:
        if steps.times > 1:  # one body for all: whatever it reads is there in every step
            last = steps.column + (steps.times - 1) * steps.outputs * stride
            needed = range(steps.column, last + (steps.outputs - 1) * stride + taps)
            assert needed.start >= 0
            assert needed.stop <= width
            assert steps.first > 0 or not row.kept


def test_the_loop_begins_behind_the_first_output() -> None:
    """That one reads all of its columns, and the others keep some of them."""
    row = Row(11, 9, Window(kernel=(3, 3)), 4, keeps=True)
    assert [(each.first, each.outputs, each.times) for each in row.segments] == [(0, 1, 1), (1, 4, 2)]


@pytest.mark.parametrize(
    "board_name", ["nucleo-g0b1re", "bluepill", "nucleo-l4r5zi", "nucleo-f746zg", "nucleo-u575zi-q"]
)
@pytest.mark.parametrize("stride", [1, 2])
def test_a_single_row_is_faster_than_by_any_other_kernel(board_name: str, stride: int) -> None:
    board, graph = load_board(board_name), network_of(LayerShape(3, 11, 16, 0, (3, 3), stride, SIDES))
    kernels = [each.kernel for each in choices_of(graph, board.core, "speed")["layer"]]
    cycles = {kernel: run_layer(graph, board, kernel=kernel).cycles for kernel in kernels}
    assert kernels[0] == "depthwise_rows"
    assert cycles["depthwise_rows"] < 0.9 * min(cycles[kernel] for kernel in kernels[1:])
