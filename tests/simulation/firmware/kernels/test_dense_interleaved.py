"""Fully connected layers whose weights lie tap by tap, in the plain form of their block."""

from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches, fitted
from layer_cases import LayerCase, dense_layers

from sparse_mcu.costmodel.devices import load_core

LAYERS = dense_layers(fast=True) | dense_layers()


@BATCHES
@given(batch=batches("dense_interleaved"), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@given(LAYERS)
def test_it_takes_four_outputs_or_more_on_cores_with_thumb2_but_no_dsp(case: LayerCase) -> None:
    takes = {
        core: fitted(case, "dense_interleaved", load_core(core)) is not None
        for core in ("cortex-m0", "cortex-m3", "cortex-m4")
    }
    assert takes == {"cortex-m0": False, "cortex-m3": len(case.operator.weights) >= 4, "cortex-m4": False}
