"""Which kernel is chosen for what."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, any_layer, average_pools, convolutions, graph_of

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Clamp, Dense, Reshape
from sparse_mcu.costmodel.graph.requantization import Rescale
from sparse_mcu.simulation.firmware.choice.selection import choices_of, select_kernels
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of, blocking_of


@given(st.lists(any_layer(), min_size=1, max_size=5))
def test_every_operator_but_a_view_has_a_kernel(cases: list[LayerCase]) -> None:
    graph = graph_of(cases)
    chosen = select_kernels(graph, load_core("cortex-m4"))
    assert set(chosen) == {operator.name for operator in graph.operators if not isinstance(operator, Reshape)}


@pytest.mark.parametrize("kind", ["pointwise", "depthwise"])
@given(data=st.data())
def test_special_convolutions_have_kernels_of_their_own(kind: str, data: st.DataObject) -> None:
    graph = graph_of([data.draw(convolutions(kind=kind))])
    assert kind in [each.kernel for each in choices_of(graph, load_core("cortex-m0"), "balanced")["node/0"]]
    assert select_kernels(graph, load_core("cortex-m0"), kernels={"node/0": kind})["node/0"].kernel == kind


@given(average_pools())
def test_what_no_kernel_computes_is_named(case: LayerCase) -> None:
    assert isinstance(case.operator, AveragePool2d)
    per_channel = replace(case.operator.rescale, multiplier=np.ones(2, np.int32))
    graph = graph_of([replace(case, operator=replace(case.operator, rescale=per_channel))])
    with pytest.raises(UnsupportedOperatorError, match="node/0: no kernel computes AveragePool2d on cortex-m0"):
        select_kernels(graph, load_core("cortex-m0"))


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
