"""1x1 convolutions of an odd number of pixels on cores with DSP, in the plain form of their products."""

import pytest
from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches
from layer_cases import LayerCase, graph_of, odd_pixels

from sparse_mcu.benchmarks.kernels import LayerShape, run_layer
from sparse_mcu.benchmarks.kernels import graph_of as network_of
from sparse_mcu.costmodel.devices import load_board, load_core
from sparse_mcu.simulation.firmware.choice.selection import choices_of


@BATCHES
@given(batch=batches("pointwise_biplex"), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@given(case=odd_pixels())
def test_it_needs_no_more_memory_than_pairs_do(case: LayerCase) -> None:
    choices = choices_of(graph_of([case]), load_core("cortex-m4"), "speed")["node/0"]
    single, pairs = (
        next(each for each in choices if each.kernel == name) for name in ("pointwise_biplex", "conv2d_biplex")
    )
    assert 0 < single.scratch_bytes <= pairs.scratch_bytes
    assert single.contract.safe_distance_bytes == pairs.contract.safe_distance_bytes


@pytest.mark.parametrize(
    ("shape", "taken"),
    [
        (LayerShape(1, 5, 16, 8, (1, 1)), True),
        (LayerShape(1, 4, 16, 8, (1, 1)), False),
        (LayerShape(1, 5, 18, 8, (1, 1)), False),
        (LayerShape(1, 5, 16, 3, (1, 1)), False),
        (LayerShape(5, 5, 16, 8, (1, 1), 2), False),
        (LayerShape(5, 5, 16, 8, padding=(1, 1, 1, 1)), False),
    ],
)
def test_it_takes_odd_numbers_of_pixels_side_by_side(shape: LayerShape, taken: bool) -> None:
    graph = network_of(shape)
    for core, fits in (("cortex-m4", taken), ("cortex-m3", False)):
        kernels = [each.kernel for each in choices_of(graph, load_core(core), "speed")["layer"]]
        assert ("pointwise_biplex" in kernels) == fits


@pytest.mark.parametrize("board_name", ["nucleo-l4r5zi", "nucleo-f746zg", "nucleo-u575zi-q"])
def test_a_short_row_is_faster_than_by_any_other_kernel(board_name: str) -> None:
    board, graph = load_board(board_name), network_of(LayerShape(1, 5, 64, 64, (1, 1)))
    kernels = [each.kernel for each in choices_of(graph, board.core, "speed")["layer"]]
    cycles = {kernel: run_layer(graph, board, kernel=kernel).cycles for kernel in kernels}
    assert kernels[0] == "pointwise_biplex"
    assert cycles["pointwise_biplex"] < 0.95 * min(cycles[kernel] for kernel in kernels[1:])
