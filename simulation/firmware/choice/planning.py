"""Chooses kernels and plans memory together, because a fast kernel may need more memory than the plan has room for."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.memory import plan_graph
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan
from sparse_mcu.costmodel.memory.streaming import Streams
from sparse_mcu.simulation.firmware.choice.costs import predicted
from sparse_mcu.simulation.firmware.choice.selection import choices_of
from sparse_mcu.simulation.firmware.choice.stages import StageKernels
from sparse_mcu.simulation.firmware.kernels import Implementation
from sparse_mcu.simulation.firmware.options import BuildOptions

_log = logging.getLogger(__name__)

Choices = tuple[Mapping[str, Implementation], MemoryPlan, StageKernels]
"""The implementation of each operator, the memory plan, and the kernels of its streams' stages."""
_SHARE, _STREAMED_SHARE = 20, 8  # "balanced" spends at most 1/20 more memory for speed; with streams, 1/8


def choose_and_plan(
    graph: Graph,
    core: Core,
    options: BuildOptions,
    kernels: Mapping[str, str] | None = None,
    *,
    else_any: bool = False,
) -> Choices:
    """Chooses a kernel for each operator, and plans the memory that these kernels need.

    "speed" and "flash" take the best kernel of each operator by `Cost.rank`, whatever the arena becomes. "balanced"
    ranks kernels by both and then limits the arena:

    1. It plans with the best kernels, and with the leanest ones, which need least working memory. The arena may be 1/20
       larger than with the leanest kernels. With streams it may be 1/8 larger, because such an arena is small and
       consists almost only of working memory.
    2. While the arena is larger than that, one operator goes back to its leanest kernel. It is the operator at the
       peak. If that one is lean already, it is the operator whose kernel costs most memory. If a stream is at the peak,
       it is the stage of the stream with most working memory.
    3. Each operator that went back then gets the best kernel for which there is room. The one that lost most cycles
       comes first.

    For example, take the MLPerf Tiny network for visual wake words on a Cortex-M4. Its best kernels need an arena of
    50,964 bytes, its leanest ones 36,872, so up to 38,715 bytes are allowed. Two depthwise layers use
    `depthwise_planes`. The one at the peak goes back: 41,864 bytes. Now the other one is at the peak and goes back:
    36,896 bytes, which is allowed. The first to be tried again gets planes (41,864 bytes, too large), then
    `depthwise_strips` (37,564 bytes, allowed). The second gets planes (50,964 bytes, too large), then strips too:
    38,116 bytes, which is the result.

    If the plan has streams, the same is done with fewer levers: without recomputation, and without streams. The plan
    with the smallest arena wins. Of equal ones the plan with fewer levers wins, because it is faster. The reported
    lower bound is the lowest bound of all plans that were tried.

    Args:
        graph: The network.
        core: The core that runs it.
        options: How kernels are chosen, and what the plan may do.
        kernels: Operator -> kernel, for operators whose kernel is settled.
        else_any: Choose freely if a settled kernel does not take its operator, instead of failing.

    Returns:
        The implementation of each operator, the memory plan, and the kernels of its streams' stages.

    Raises:
        UnsupportedOperatorError: No kernel computes an operator, or its settled kernel does not.
    """
    levers = options.levers
    stages = StageKernels(
        core, options.optimise, kernels or {}, else_any, streams=Streams(graph), meter=options.budget.start()
    )
    tried = [_choose_and_plan(graph, levers, stages)]
    for fewer in (replace(levers, max_recompute=1.0), replace(levers, streaming=False, fused_pools=False)):
        if fewer != levers and tried[0][1].streams:
            tried.insert(0, _choose_and_plan(graph, fewer, stages))
    chosen, plan, stages = min(tried, key=lambda each: each[1].arena_bytes)
    _log.debug(
        "planned %s: %d bytes of arena, %d streams; with fewer levers first, the arenas were %s",
        graph.name,
        plan.arena_bytes,
        len(plan.streams),
        [each.arena_bytes for _, each, _ in tried],
    )
    bound = min(each.lower_bound_bytes for _, each, _ in tried)
    return chosen, replace(plan, lower_bound_bytes=bound), stages


def _choose_and_plan(graph: Graph, levers: Levers, stages: StageKernels) -> Choices:
    """Does what `choose_and_plan` describes, for one set of levers."""
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
        _log.debug("arena of %d bytes is too large: %s goes back to its leanest kernel", plan.arena_bytes, name)
        returned.append(name)
        generous = [each for each in generous if each != name]
        chosen[name], stages = lean[name], stages.leaner({name})
        plan = _plan(graph, chosen, levers, stages)
    for name in sorted(returned, key=lambda each: _gain(choices[each][0], lean[each]), reverse=True):
        for better in _before(lean[name], choices[name]):
            attempt = {**chosen, name: better}
            other = _plan(graph, attempt, levers, stages)
            if not _is_too_large(other, smallest.arena_bytes):
                _log.debug("%s gets %s: the arena of %d bytes is allowed", name, better.kernel, other.arena_bytes)
                chosen, plan = attempt, other
                break
    return chosen, plan, stages


def _read_once(graph: Graph) -> frozenset[str]:
    """Returns the tensors that are used once. Only such a tensor may be replaced by its reader's output."""
    uses = Counter([*graph.outputs, *(name for operator in graph.operators for name in operator.inputs)])
    return frozenset(name for name, count in uses.items() if count == 1)


def _before(lean: Implementation, choices: Sequence[Implementation]) -> Iterable[Implementation]:
    """Lists the kernels that are preferred to the leanest one, best first."""
    return takewhile(lambda each: each.kernel != lean.kernel, choices)


def _gain(fast: Implementation, lean: Implementation) -> float:
    """Returns the cycles that `fast` saves over `lean`; 0 if they are not predicted."""
    cost, lean_cost = predicted(fast), predicted(lean)
    return lean_cost.cycles - cost.cycles if cost and lean_cost else 0.0


def _plan(graph: Graph, chosen: Mapping[str, Implementation], levers: Levers, stages: StageKernels) -> MemoryPlan:
    """Plans the memory that these kernels need."""
    contracts = {name: implementation.contract for name, implementation in chosen.items()}
    return plan_graph(
        graph, contracts, levers, stage_contracts=stages.contract, streams=stages.streams, meter=stages.meter
    )


def _is_too_large(plan: MemoryPlan, smallest_bytes: int) -> bool:
    """Whether the arena is larger than "balanced" allows, given the arena with the leanest kernels."""
    share = _STREAMED_SHARE if plan.streams else _SHARE
    return plan.arena_bytes * share > smallest_bytes * (share + 1)


def _culprit(
    plan: MemoryPlan, generous: Sequence[str], chosen: Mapping[str, Implementation], stages: StageKernels
) -> str | None:
    """Returns the operator that goes back to its leanest kernel next; None if all are lean."""
    stream = plan.streams.get(plan.peak_step)
    scratch = {each.operator.name: stages.of(each).scratch_bytes for each in stream.stages} if stream else {}
    wasteful = [name for name in scratch if name not in stages.lean and scratch[name]]
    if wasteful:
        return max(wasteful, key=scratch.__getitem__)
    if plan.peak_step in generous:
        return plan.peak_step
    return max(generous, key=lambda name: _memory(chosen[name]), default=None)


def _memory(implementation: Implementation) -> int:
    """Returns the bytes that an operator holds while it runs.

    That is its working memory, and what keeps its output from lying exactly over its inputs.
    """
    contract, site = implementation.contract, implementation.site
    if contract.in_place and site.inputs[0].size_bytes == site.output.size_bytes:
        return contract.scratch_bytes
    above = [max(0, contract.safe_distance_bytes.get(tensor.name, site.output.size_bytes)) for tensor in site.inputs]
    return sum(above) + contract.scratch_bytes
