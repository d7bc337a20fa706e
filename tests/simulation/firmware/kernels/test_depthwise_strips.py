"""Depthwise convolutions by planes of a channel each, some rows at a time."""

import pytest
from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, graph_of, tall_images

from sparse_mcu.benchmarks.kernels import LayerShape
from sparse_mcu.benchmarks.kernels import graph_of as network_of
from sparse_mcu.costmodel.devices import load_board, load_core
from sparse_mcu.simulation.firmware.choice.selection import select_kernels

BOARDS = ["microbit", "bluepill", "nucleo-l4r5zi"]


@BATCHES
@given(cases=st.lists(tall_images(), min_size=6, max_size=9), board=st.sampled_from(BOARDS), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(cases: list[LayerCase], board: str, seed: int) -> None:
    assert_matches_reference(cases, board, seed, "depthwise_strips")


@given(case=tall_images(), board=st.sampled_from(BOARDS))
def test_it_takes_little_memory(case: LayerCase, board: str) -> None:
    settled = {"node/0": "depthwise_strips"}
    chosen = select_kernels(graph_of([case]), load_board(board).core, kernels=settled)["node/0"]
    assert chosen.kernel == "depthwise_strips"
    assert 0 < chosen.scratch_bytes <= max(case.inputs[0].size_bytes, case.output.size_bytes) / 24


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
    chosen = select_kernels(network_of(shape), load_core(core), kernels={"layer": "depthwise_strips"})["layer"]
    assert (chosen.kernel == "depthwise_strips") == taken
