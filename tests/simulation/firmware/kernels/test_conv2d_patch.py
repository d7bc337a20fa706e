"""Convolutions of few channels, whose windows are gathered."""

from dataclasses import replace

import numpy as np
import pytest
from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches, fitted
from layer_cases import LayerCase, convolutions

from sparse_mcu.benchmarks.kernels import LayerShape
from sparse_mcu.benchmarks.kernels import graph_of as network_of
from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.costmodel.graph.operators import Conv2d
from sparse_mcu.costmodel.graph.tensor import Quantization
from sparse_mcu.simulation.firmware.kernels.conv2d_patch import conv2d_patch
from sparse_mcu.simulation.firmware.kernels.kernel import site_of


@BATCHES
@given(batch=batches("conv2d_patch"), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@given(convolutions(kind="shallow"))
def test_its_scratch_is_one_window(case: LayerCase) -> None:
    made = fitted(case, "conv2d_patch", load_core("cortex-m4"))
    assert made is not None
    assert made.contract.scratch_bytes == case.operator.weights[0].size


def test_its_biases_account_for_the_zero_point() -> None:
    """Also with padding, because that is gathered as the zero point. So no input needs a subtraction."""
    graph = network_of(LayerShape(8, 8, 3, 4, padding=(1, 1, 1, 1)))
    tensors = {**graph.tensors, "x": replace(graph.tensor("x"), quantization=Quantization(0.1, 7))}
    site = site_of(replace(graph, tensors=tensors), graph.operators[0], load_core("cortex-m4"))
    made = conv2d_patch(site)
    assert made is not None
    assert isinstance(site.operator, Conv2d)
    biases = next(each.values for each in made.constants if each.symbol == "bias")
    weights = site.operator.weights.reshape(4, -1).astype(np.int64)
    np.testing.assert_array_equal(biases, site.operator.bias - 7 * weights.sum(axis=1))


@pytest.mark.parametrize(
    ("shape", "taken"),
    [
        (LayerShape(8, 8, 3, 3), True),
        (LayerShape(8, 8, 3, 2), False),
        (LayerShape(8, 8, 3, 8, (1, 3)), False),
        (LayerShape(8, 8, 6, 8), False),
        (LayerShape(20, 8, 4, 8, (9, 4)), False),
    ],
    ids=["shallow", "few outputs", "one row", "long rows", "large"],
)
def test_it_takes_short_rows_only(shape: LayerShape, taken: bool) -> None:
    graph = network_of(shape)
    made = conv2d_patch(site_of(graph, graph.operators[0], load_core("cortex-m4")))
    assert (made is not None) == taken
