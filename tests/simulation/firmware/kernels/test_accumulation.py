"""Accumulators: what is folded into the bias, and how many channels are summed at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.costmodel.graph.operators import Clamp, Dense
from sparse_mcu.costmodel.graph.requantization import Rescale
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of, blocking_of


@given(channels=st.integers(1, 300), core=st.sampled_from(["cortex-m0", "cortex-m4"]))
def test_blocks_cover_the_channels(channels: int, core: str) -> None:
    blocking = blocking_of(channels, load_core(core))
    assert 1 <= blocking.channels <= min(4, channels)
    assert blocking.overlaps == (channels % blocking.channels != 0)


def _dense(bias: int, multipliers: list[int]) -> Dense:
    return Dense(
        name="",
        inputs=(),
        output="",
        weights=np.full((2, 4), 2, np.int8),
        bias=np.full(2, bias, np.int32),
        rescale=Rescale(np.array(multipliers, np.int32), 0),
        clamp=Clamp(),
    )


def test_the_zero_point_is_folded_only_where_that_is_exact() -> None:
    folded = accumulation_of(_dense(10, [5]), 3, every_tap_counts=True)
    assert (folded.bias.tolist(), folded.zero_point) == ([10 - 3 * 8] * 2, 0)
    border = accumulation_of(_dense(10, [5]), 3, every_tap_counts=False)
    assert (border.bias.tolist(), border.zero_point, border.zero_pair) == ([10] * 2, 3, 0xFFFDFFFD)
    huge = accumulation_of(_dense(2**31 - 1, [5]), -3, every_tap_counts=True)
    assert (huge.bias.tolist(), huge.zero_point, huge.zero_pair) == ([2**31 - 1] * 2, -3, 0x00030003)


@pytest.mark.parametrize(("multipliers", "common"), [([5], 5), ([5, 5], 5), ([5, 6], None)])
def test_a_common_multiplier_takes_no_array(multipliers: list[int], common: int | None) -> None:
    sums = accumulation_of(_dense(1, multipliers), 0, every_tap_counts=True)
    assert sums.common_multiplier == common
    assert [constant.symbol for constant in sums.constants] == ["weights", "bias", "multiplier"][: 2 + (common is None)]
