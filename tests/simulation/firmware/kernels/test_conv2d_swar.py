"""Convolutions on cores without DSP, in the plain form of their blocks."""

from dataclasses import replace

import pytest
from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches, fitted
from layer_cases import LayerCase, convolutions

from sparse_mcu.benchmarks.kernels import LayerShape
from sparse_mcu.benchmarks.kernels import graph_of as network_of
from sparse_mcu.costmodel.devices import load_board, load_core
from sparse_mcu.costmodel.graph.operators import Conv2d
from sparse_mcu.simulation.firmware.kernels.conv2d_swar import conv2d_swar
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, site_of

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


def made_for(shape: LayerShape, weights: tuple[int, ...] = ()) -> Implementation | None:
    """The kernel for a layer on a Cortex-M0, with its first weights replaced."""
    graph = network_of(shape)
    site = site_of(graph, graph.operators[0], load_core("cortex-m0"))
    assert isinstance(site.operator, Conv2d)
    values = site.operator.weights.copy()
    values.reshape(-1)[: len(weights)] = weights
    return conv2d_swar(replace(site, operator=replace(site.operator, weights=values)))


@pytest.mark.parametrize(("weights", "taken"), [((-128, 127), True), ((-128, -128), False), ((0, -128, -128), True)])
def test_no_two_taps_of_a_pair_may_weigh_most(weights: tuple[int, ...], taken: bool) -> None:
    assert (made_for(LayerShape(4, 4, 4, 2, (1, 1)), weights) is not None) == taken


@pytest.mark.parametrize("channels", [3, 4])
def test_a_place_without_a_tap_is_cleared(channels: int) -> None:
    """There is one if the number of taps is odd."""
    made = made_for(LayerShape(4, 4, channels, 2, (1, 1)))
    assert made is not None
    assert ("taps[2 * PAIRS - 1] = 0" in made.render("layer")) == (channels % 2 == 1)
