"""Convolutions of which most weights are zero."""

from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches, fitted, layers_for
from layer_cases import LayerCase

from sparse_mcu.costmodel.devices import load_core

M0 = load_core("cortex-m0")


@BATCHES
@given(batch=batches("sparse_conv2d"), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@given(layers_for("sparse_conv2d", M0))
def test_only_a_padded_window_is_copied(case: LayerCase) -> None:
    made, window = fitted(case, "sparse_conv2d", M0), case.operator.window
    assert made is not None
    taps = window.kernel[0] * window.kernel[1] * case.inputs[0].shape[-1]
    assert made.contract.scratch_bytes == (taps if any(window.padding) else 0)
