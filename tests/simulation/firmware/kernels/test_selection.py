"""Which kernel is chosen for what."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, any_layer, average_pools, convolutions, graph_of

from costmodel.devices import load_core
from costmodel.errors import UnsupportedOperatorError
from costmodel.graph.operators import AveragePool2d, Reshape
from simulation.firmware.kernels import select_kernels
from simulation.firmware.kernels.accumulation import bias_of, blocking_of


@given(st.lists(any_layer(), min_size=1, max_size=5))
def test_every_operator_but_a_view_has_a_kernel(cases: list[LayerCase]) -> None:
    graph = graph_of(cases)
    chosen = select_kernels(graph, load_core("cortex-m4"))
    assert set(chosen) == {operator.name for operator in graph.operators if not isinstance(operator, Reshape)}


@pytest.mark.parametrize("kind", ["pointwise", "depthwise"])
@given(data=st.data())
def test_special_convolutions_have_kernels_of_their_own(kind: str, data: st.DataObject) -> None:
    graph = graph_of([data.draw(convolutions(kind=kind))])
    assert select_kernels(graph, load_core("cortex-m0"))["node/0"].kernel == kind


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


def test_the_zero_point_is_folded_only_where_that_is_exact() -> None:
    weights, bias = np.full((1, 4), 2, np.int8), np.array([10], np.int32)
    assert bias_of(bias, weights, 3, every_tap_counts=True).values.tolist() == [10 - 3 * 8]
    assert bias_of(bias, weights, 3, every_tap_counts=False).zero_point == 3
    huge = np.array([2**31 - 1], np.int32)
    assert bias_of(huge, weights, -3, every_tap_counts=True).values.tolist() == [2**31 - 1]
    assert bias_of(huge, weights, -3, every_tap_counts=True).zero_pair == 0x00030003
