"""Fully connected layers whose weights lie tap by tap, in the plain form of their block."""

from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, dense_layers, graph_of

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.simulation.firmware.choice.selection import select_kernels

LAYERS = dense_layers(fast=True) | dense_layers()


@BATCHES
@given(cases=st.lists(LAYERS, min_size=8, max_size=12), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(cases: list[LayerCase], seed: int) -> None:
    assert_matches_reference(cases, "bluepill", seed, "dense_interleaved")


@given(LAYERS)
def test_it_takes_four_outputs_or_more_on_cores_with_thumb2_but_no_dsp(case: LayerCase) -> None:
    settled = {"node/0": "dense_interleaved"}
    takes = {
        core: select_kernels(graph_of([case]), load_core(core), kernels=settled)["node/0"].kernel == settled["node/0"]
        for core in ("cortex-m0", "cortex-m3", "cortex-m4")
    }
    assert takes == {"cortex-m0": False, "cortex-m3": len(case.operator.weights) >= 4, "cortex-m4": False}
