"""What kernels state of their work: against counts of their own loops, and for every kernel with factors."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import ALL_CORES, BOARDS_OF, KERNELS, fitted, layers_for

from sparse_mcu.costmodel.devices import load_board, load_core
from sparse_mcu.costmodel.graph.operators import Conv2d, Dense
from sparse_mcu.simulation.firmware.choice.costs import predicted
from sparse_mcu.simulation.firmware.kernels.work import Work

WITHOUT = {"add", "softmax", "requantize", "pad2d", "concat", "gather", "slice", "transpose"}
"""Kernels that nothing competes with."""


def test_terms_are_the_work_and_a_constant() -> None:
    work = Work(products=5, outputs=4, gathered=3, steps=2, body=7)
    assert work.cycle_terms == (5.0, 4.0, 3.0, 2.0, 1.0)
    assert work.code_terms == (1.0, 7.0)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_whatever_competes_states_its_work_and_has_factors(kernel: str, data: st.DataObject) -> None:
    core = load_board(data.draw(st.sampled_from(BOARDS_OF.get(kernel, ALL_CORES)))).core
    case = data.draw(layers_for(kernel, core))
    made = fitted(case, kernel, core)
    assert made is not None
    assert (made.work is None) == (predicted(made) is None) == (kernel in WITHOUT)
    if made.work is not None:
        assert made.work.outputs == case.output.size_bytes


@pytest.mark.parametrize(
    ("kernel", "core"), [("conv2d", "cortex-m0"), ("pointwise", "cortex-m3"), ("dense", "cortex-m4")]
)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_dense_kernels_multiply_every_weight_for_every_pixel(kernel: str, core: str, data: st.DataObject) -> None:
    case = data.draw(layers_for(kernel, load_core(core)))
    made = fitted(case, kernel, load_core(core))
    assert made is not None
    assert made.work is not None
    assert isinstance(case.operator, Conv2d | Dense)
    pixels = case.output.size_bytes // case.output.shape[-1]
    assert made.work.products == pixels * case.operator.weights.size


@pytest.mark.parametrize(("kernel", "board"), [("conv2d_biplex", "nucleo-l4r5zi"), ("conv2d_swar", "bluepill")])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_kernels_of_pixel_pairs_compute_one_too_many_of_an_odd_number(
    kernel: str, board: str, data: st.DataObject
) -> None:
    core = load_board(board).core
    case = data.draw(layers_for(kernel, core))
    made = fitted(case, kernel, core)
    assert made is not None
    assert made.work is not None
    pixels = case.output.size_bytes // case.output.shape[-1]
    assert made.work.products == (pixels + pixels % 2) * case.operator.weights.size
