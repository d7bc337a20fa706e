"""Which kernel is chosen for what."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import ALL_CORES, BOARDS_OF, KERNELS, fitted, layers_for
from layer_cases import LayerCase, any_layer, average_pools, convolutions, graph_of

from sparse_mcu.benchmarks.kernels import REFERENCE
from sparse_mcu.benchmarks.kernels import graph_of as network_of
from sparse_mcu.costmodel.devices import load_board, load_core
from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Clamp, Dense, Reshape
from sparse_mcu.costmodel.graph.requantization import Rescale
from sparse_mcu.costmodel.memory.model.levers import ALL
from sparse_mcu.simulation.firmware.choice.planning import choose_and_plan
from sparse_mcu.simulation.firmware.choice.selection import choices_of, select_kernels
from sparse_mcu.simulation.firmware.kernels import BY_NAME, PREFERENCE
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


@pytest.mark.parametrize("name", KERNELS)
@settings(max_examples=3)
@given(data=st.data())
def test_a_kernel_is_listed_by_the_name_of_its_implementations(name: str, data: st.DataObject) -> None:
    core = load_board(BOARDS_OF.get(name, ALL_CORES)[-1]).core
    made = fitted(data.draw(layers_for(name, core)), name, core)
    assert made is not None
    assert made.kernel == name


def test_no_two_kernels_have_one_name() -> None:
    assert len(BY_NAME) == len(PREFERENCE)


@pytest.mark.parametrize("settled", ["dense", "dense_biplex", "no such kernel"])
@given(convolutions(kind="undilated"))
def test_a_settled_kernel_that_declines_is_an_error(settled: str, case: LayerCase) -> None:
    graph, core, kernels = graph_of([case]), load_core("cortex-m4"), {"node/0": settled}
    message = f"node/0: kernel '{settled}' does not take this Conv2d on cortex-m4. Settle one that does .*conv2d"
    with pytest.raises(UnsupportedOperatorError, match=message):
        select_kernels(graph, core, kernels=kernels)
    with pytest.raises(UnsupportedOperatorError, match=message):
        choose_and_plan(graph, core, "speed", ALL, kernels)
    free = select_kernels(graph, core)["node/0"].kernel
    assert select_kernels(graph, core, kernels=kernels, else_any=True)["node/0"].kernel == free
    assert choose_and_plan(graph, core, "balanced", ALL, kernels, else_any=True)[0]["node/0"].kernel != settled


def test_a_settled_kernel_is_the_only_one() -> None:
    graph = network_of(REFERENCE[0])
    for kernel in ("conv2d", "conv2d_biplex"):
        found = choices_of(graph, load_core("cortex-m4"), "speed", {"layer": kernel})["layer"]
        assert [each.kernel for each in found] == [kernel]


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
