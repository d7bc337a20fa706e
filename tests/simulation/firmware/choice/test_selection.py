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
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Reshape
from sparse_mcu.simulation.firmware.choice.planning import choose_and_plan
from sparse_mcu.simulation.firmware.choice.selection import choices_of, select_kernels
from sparse_mcu.simulation.firmware.kernels import BY_NAME, PREFERENCE
from sparse_mcu.simulation.firmware.options import BuildOptions


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
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_a_kernel_is_listed_by_the_name_of_its_implementations(name: str, data: st.DataObject) -> None:
    core = load_board(BOARDS_OF.get(name, ALL_CORES)[-1]).core
    made = fitted(data.draw(layers_for(name, core)), name, core)
    assert made is not None
    assert made.kernel == name


def test_no_two_kernels_have_one_name() -> None:
    assert len(BY_NAME) == len(PREFERENCE)


@pytest.mark.parametrize("settled", ["dense", "dense_biplex", "no such kernel"])
@settings(max_examples=20, deadline=None)
@given(convolutions(kind="undilated"))
def test_a_settled_kernel_that_declines_is_an_error(settled: str, case: LayerCase) -> None:
    graph, core, kernels = graph_of([case]), load_core("cortex-m4"), {"node/0": settled}
    message = f"node/0: kernel '{settled}' does not take this Conv2d on cortex-m4. Name one of these: .*conv2d"
    with pytest.raises(UnsupportedOperatorError, match=message):
        select_kernels(graph, core, kernels=kernels)
    with pytest.raises(UnsupportedOperatorError, match=message):
        choose_and_plan(graph, core, BuildOptions("speed"), kernels)
    free = select_kernels(graph, core)["node/0"].kernel
    assert select_kernels(graph, core, kernels=kernels, else_any=True)["node/0"].kernel == free
    assert choose_and_plan(graph, core, BuildOptions("balanced"), kernels, else_any=True)[0]["node/0"].kernel != settled


def test_a_settled_kernel_is_the_only_one() -> None:
    graph = network_of(REFERENCE[0])
    for kernel in ("conv2d", "conv2d_biplex"):
        found = choices_of(graph, load_core("cortex-m4"), "speed", {"layer": kernel})["layer"]
        assert [each.kernel for each in found] == [kernel]
