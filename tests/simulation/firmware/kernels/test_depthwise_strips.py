"""Depthwise convolutions by planes of a channel each, some rows at a time."""

import pytest
from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches, fitted
from layer_cases import LayerCase, tall_images

from sparse_mcu.benchmarks.kernels import LayerShape
from sparse_mcu.benchmarks.kernels import graph_of as network_of
from sparse_mcu.costmodel.devices import load_board, load_core
from sparse_mcu.simulation.firmware.kernels.depthwise_strips import depthwise_strips
from sparse_mcu.simulation.firmware.kernels.kernel import site_of

BOARDS = ["microbit", "bluepill", "nucleo-l4r5zi"]


@BATCHES
@given(batch=batches("depthwise_strips", most=9), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@given(case=tall_images(), board=st.sampled_from(BOARDS))
def test_it_takes_little_memory(case: LayerCase, board: str) -> None:
    made = fitted(case, "depthwise_strips", load_board(board).core)
    assert made is not None
    assert 0 < made.scratch_bytes <= max(case.inputs[0].size_bytes, case.output.size_bytes) / 24


@pytest.mark.parametrize(("channels", "taken"), [(53, True), (54, False)])
def test_it_leaves_planes_that_need_little_whole(channels: int, taken: bool) -> None:
    """A plane of 6x6 bytes is a 24th of a map of 4x4x54."""
    graph = network_of(LayerShape(4, 4, channels, 0, padding=(1, 1, 1, 1)))
    assert (depthwise_strips(site_of(graph, graph.operators[0], load_core("cortex-m0"))) is not None) == taken


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4"])
@pytest.mark.parametrize(
    ("shape", "taken"),
    [
        (LayerShape(48, 48, 16, 0, stride=2, padding=(0, 0, 1, 1)), True),
        (LayerShape(48, 48, 8, 0, padding=(1, 1, 1, 1)), True),
        (LayerShape(24, 1, 64, 0, (10, 1)), False),
        (LayerShape(6, 6, 128, 0, padding=(1, 1, 1, 1)), False),
        (LayerShape(48, 48, 16, 0, padding=(3, 0, 0, 0)), False),
    ],
    ids=["stride", "large", "column", "small", "strip beyond the input"],
)
def test_it_takes_planes_that_are_too_large(shape: LayerShape, taken: bool, core: str) -> None:
    graph = network_of(shape)
    assert (depthwise_strips(site_of(graph, graph.operators[0], load_core(core))) is not None) == taken
