"""Depthwise convolutions on cores with DSP, in the plain form of their products."""

import pytest
from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches, fitted
from layer_cases import LayerCase, convolutions

from sparse_mcu.benchmarks.kernels import LayerShape
from sparse_mcu.benchmarks.kernels import graph_of as network_of
from sparse_mcu.costmodel.devices import load_board, load_core
from sparse_mcu.costmodel.graph.operators import Window
from sparse_mcu.simulation.firmware.kernels.depthwise_planes import Rows, depthwise_planes
from sparse_mcu.simulation.firmware.kernels.kernel import site_of

BOARDS = ["nucleo-l4r5zi"]
LAYERS = convolutions(kind="planes")


@BATCHES
@given(batch=batches("depthwise_planes"), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@given(LAYERS)
def test_it_takes_what_its_conditions_allow(case: LayerCase) -> None:
    for board in BOARDS:
        made = fitted(case, "depthwise_planes", load_board(board).core)
        assert made is not None
        assert made.scratch_bytes > 0


@pytest.mark.parametrize(("taps", "taken"), [((15, 3), True), ((16, 3), False), ((3, 9), True)])
def test_it_takes_what_needs_at_most_30_words_of_weights(taps: tuple[int, int], taken: bool) -> None:
    """A row of 3 taps needs 2 words, one of 9 taps needs 8, because a second output pairs the taps otherwise."""
    graph = network_of(LayerShape(20, 20, 4, 0, taps))
    assert (depthwise_planes(site_of(graph, graph.operators[0], load_core("cortex-m4"))) is not None) == taken


@pytest.mark.parametrize(("taps", "stride", "steps"), [((3, 3), 1, 2), ((3, 3), 2, 4), ((1, 3), 1, 4), ((3, 1), 1, 4)])
def test_only_thin_kernels_have_long_loop_bodies(taps: tuple[int, int], stride: int, steps: int) -> None:
    rows = Rows(3, 40, 1, 16, Window(kernel=taps, strides=(1, stride)), 1)
    assert rows.body_steps == steps
