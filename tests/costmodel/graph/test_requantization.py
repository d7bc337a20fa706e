"""The rounding rule against real arithmetic."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import rescale_for


@given(factor=st.floats(1e-9, 16.0), accumulator=st.integers(-(2**24), 2**24))
def test_rescaling_rounds_the_real_product_half_up(factor: float, accumulator: int) -> None:
    rescale = rescale_for(factor, 2**24, where="test")
    got = int(rescale.apply(np.array([accumulator]))[0])
    exact = Fraction(factor) * accumulator + Fraction(1, 2)
    slack = Fraction(abs(accumulator), 2**33) * 2**rescale.left_shift
    assert floor(exact - slack) <= got <= floor(exact + slack)


@given(factors=st.lists(st.floats(1e-6, 100.0), min_size=1, max_size=8))
def test_multipliers_have_31_bits_and_shifts_are_the_least(factors: list[float]) -> None:
    rescale = rescale_for(factors, 1000, where="test")
    assert rescale.multiplier.dtype == np.int32
    assert np.all(rescale.multiplier >= 0)
    assert rescale.left_shift == 0 or rescale.multiplier.max() >= 2**30 - 1


def test_ties_go_up() -> None:
    rescale = rescale_for(0.5, 100, where="test")
    assert rescale.apply(np.array([-3, -1, 1, 3])).tolist() == [-1, 0, 1, 2]


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_factors_that_are_no_positive_numbers_are_refused(factor: float) -> None:
    with pytest.raises(UnsupportedQuantizationError, match="not finite and positive"):
        rescale_for([0.5, factor], 100, where="test")


def test_factors_too_large_for_their_accumulators_are_refused() -> None:
    rescale_for(2.0**20, 255, where="test")
    with pytest.raises(UnsupportedQuantizationError, match="overflows 32 bits"):
        rescale_for(2.0**30, 255, where="test")
