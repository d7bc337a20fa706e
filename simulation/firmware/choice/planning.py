"""Kernels and memory plan together: a fast kernel may need memory that the plan has no room for."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.memory import plan_graph
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan
from sparse_mcu.simulation.firmware.choice.costs import predicted
from sparse_mcu.simulation.firmware.choice.selection import choices_of
from sparse_mcu.simulation.firmware.choice.stages import StageKernels
from sparse_mcu.simulation.firmware.kernels import Implementation
from sparse_mcu.simulation.firmware.options import BuildOptions

Choices = tuple[Mapping[str, Implementation], MemoryPlan, StageKernels]
"""The implementation of each operator, the memory plan, and the kernels of its streams' stages."""
_SHARE, _STREAMED_SHARE = 20, 8  # "balanced" gives at most a twentieth, or an eighth, more memory for speed


def choose_and_plan(
    graph: Graph,
    core: Core,
    options: BuildOptions,
    kernels: Mapping[str, str] | None = None,
    *,
    else_any: bool = False,
) -> Choices:
    """The kernels that the options ask for, a plan for them, and the kernels of its streams' stages.

    "speed" and "flash" look at nothing else. "balanced" spends at most 1/20 more arena than the kernels that need least
    working memory: while the plan is larger, the operator at its peak goes back to that kernel, and where
    it has it already, the one that costs most memory of all. Of what is streamed it spends 1/8, for the whole arena is
    little more than working memory then; in a stream at the peak, the stage with most of it goes back.
    Then each that went back, beginning with the one that loses most cycles, gets the best kernel there is room for.
    What the levers let be streamed or computed again is not, where the arena is as small without; the bound is then the
    lowest of all that were tried.

    Args:
        graph: The network.
        core: The core that runs it.
        options: What to choose kernels by, and what the plan may do.
        kernels: Operator -> kernel, where that is settled already.
        else_any: Choose freely where a settled kernel does not take its operator, instead of failing.

    Raises:
        UnsupportedOperatorError: No kernel computes an operator, or the settled one does not.
    """
    levers = options.levers
    stages = StageKernels(core, options.optimise, kernels or {}, else_any)
    tried = [_choose_and_plan(graph, levers, stages)]
    for fewer in (replace(levers, max_recompute=1.0), replace(levers, streaming=False, fused_pools=False)):
        if fewer != levers and tried[0][1].streams:
            tried.insert(0, _choose_and_plan(graph, fewer, stages))
    chosen, plan, stages = min(tried, key=lambda each: each[1].arena_bytes)
    bound = min(each.lower_bound_bytes for _, each, _ in tried)
    return chosen, replace(plan, lower_bound_bytes=bound), stages


def _choose_and_plan(graph: Graph, levers: Levers, stages: StageKernels) -> Choices:
    optimise = stages.optimise
    lone = _read_once(graph) if levers.in_place else frozenset[str]()
    choices = {
        name: [replace(each, in_place=each.in_place and each.site.inputs[0].name in lone) for each in found]
        for name, found in choices_of(graph, stages.core, optimise, stages.kernels, else_any=stages.else_any).items()
    }
    chosen = {name: each[0] for name, each in choices.items()}
    lean = {name: min(each, key=_memory) for name, each in choices.items()}
    generous = [name for name in chosen if _memory(chosen[name]) > _memory(lean[name])]
    plan = _plan(graph, chosen, levers, stages)
    if optimise != "balanced" or not (generous or plan.streams):
        return chosen, plan, stages
    smallest = _plan(graph, lean, levers, stages.leaner(choices))
    returned: list[str] = []
    while _is_too_large(plan, smallest.arena_bytes):
        name = _culprit(plan, generous, chosen, stages)
        if name is None:
            break
        returned.append(name)
        generous = [each for each in generous if each != name]
        chosen[name], stages = lean[name], stages.leaner({name})
        plan = _plan(graph, chosen, levers, stages)
    for name in sorted(returned, key=lambda each: _gain(choices[each][0], lean[each]), reverse=True):
        for better in _before(lean[name], choices[name]):
            attempt = {**chosen, name: better}
            other = _plan(graph, attempt, levers, stages)
            if not _is_too_large(other, smallest.arena_bytes):
                chosen, plan = attempt, other
                break
    return chosen, plan, stages


def _read_once(graph: Graph) -> frozenset[str]:
    """Tensors with one use: what reads such a one may replace it."""
    uses = Counter([*graph.outputs, *(name for operator in graph.operators for name in operator.inputs)])
    return frozenset(name for name, count in uses.items() if count == 1)


def _before(lean: Implementation, choices: Sequence[Implementation]) -> Iterable[Implementation]:
    """What is preferred to the leanest, best first."""
    return takewhile(lambda each: each.kernel != lean.kernel, choices)


def _gain(fast: Implementation, lean: Implementation) -> float:
    """Cycles that the one saves, as far as they are known."""
    cost, lean_cost = predicted(fast), predicted(lean)
    return lean_cost.cycles - cost.cycles if cost and lean_cost else 0.0


def _plan(graph: Graph, chosen: Mapping[str, Implementation], levers: Levers, stages: StageKernels) -> MemoryPlan:
    contracts = {name: implementation.contract for name, implementation in chosen.items()}
    return plan_graph(graph, contracts, levers, stage_contracts=stages.contract)


def _is_too_large(plan: MemoryPlan, smallest_bytes: int) -> bool:
    share = _STREAMED_SHARE if plan.streams else _SHARE
    return plan.arena_bytes * share > smallest_bytes * (share + 1)


def _culprit(
    plan: MemoryPlan, generous: Sequence[str], chosen: Mapping[str, Implementation], stages: StageKernels
) -> str | None:
    stream = plan.streams.get(plan.peak_step)
    scratch = {each.operator.name: stages.of(each).scratch_bytes for each in stream.stages} if stream else {}
    wasteful = [name for name in scratch if name not in stages.lean and scratch[name]]
    if wasteful:
        return max(wasteful, key=scratch.__getitem__)
    if plan.peak_step in generous:
        return plan.peak_step
    return max(generous, key=lambda name: _memory(chosen[name]), default=None)


def _memory(implementation: Implementation) -> int:
    """Bytes that the operator holds while it runs: input and output, as far as they cannot overlap, and scratch."""
    contract, site = implementation.contract, implementation.site
    if contract.in_place and site.inputs[0].size_bytes == site.output.size_bytes:
        return contract.scratch_bytes
    above = [max(0, contract.safe_distance_bytes.get(tensor.name, site.output.size_bytes)) for tensor in site.inputs]
    return sum(above) + contract.scratch_bytes
