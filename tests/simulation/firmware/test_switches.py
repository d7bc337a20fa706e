"""The product of the planner's switches: every plan is valid, and none of them makes a proven arena larger."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from guarded import networks
from hypothesis import given, settings

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph import Graph, load_graph
from sparse_mcu.costmodel.graph.passes import fold_padding, remove_dead
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers, switches
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan
from sparse_mcu.simulation.firmware.choice.planning import choose_and_plan
from sparse_mcu.simulation.firmware.options import BuildOptions

CORE = load_board("nucleo-l4r5zi").core
MODELS = ["ad01_int8"]
LARGE_MODELS = ["kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_int8"]
PRODUCT = [
    Levers(**dict(zip(switches(), values, strict=True))) for values in product((False, True), repeat=len(switches()))
]


def check_product(folded: Graph, unfolded: Graph) -> None:
    """Plans with kernels that do not depend on the plan; the planner itself refuses those that are not valid."""

    def graphs(levers: Levers) -> list[Graph]:
        if not levers.folded_pads:
            return [unfolded]
        return [folded, unfolded] if levers.streaming else [folded]  # with streams either may be smaller

    def planned(levers: Levers) -> MemoryPlan:
        plans = [choose_and_plan(graph, CORE, BuildOptions("speed", levers))[1] for graph in graphs(levers)]
        return min(plans, key=lambda each: each.arena_bytes)

    plans = {levers: planned(levers) for levers in PRODUCT}
    streamed = replace(ALL, streaming=True)
    check_pair(plans[streamed], planned(replace(streamed, max_recompute=1.5)), "recomputation")
    for levers, plan in plans.items():
        for name in switches():
            if not getattr(levers, name):
                check_pair(plan, plans[replace(levers, **{name: True})], f"{name} beside {levers}")


def check_pair(off: MemoryPlan, on: MemoryPlan, what: str) -> None:
    """The bound with a lever is not above any arena without it; nor is the arena, if it is proven."""
    assert on.lower_bound_bytes <= off.arena_bytes, what
    assert not on.proven or on.arena_bytes <= off.arena_bytes, what


@pytest.mark.usefixtures("examples")
@settings(max_examples=3, deadline=None)
@given(graph=networks())
def test_on_any_network(graph: Graph) -> None:
    check_product(remove_dead(fold_padding(graph)), graph)


@pytest.mark.parametrize("model", [*MODELS, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE_MODELS)])
def test_on_the_reference_models(model: str, shared_data: Path) -> None:
    path = shared_data / "models" / f"mlperf__{model}.onnx"
    check_product(load_graph(path), load_graph(path, pads_folded=False))
