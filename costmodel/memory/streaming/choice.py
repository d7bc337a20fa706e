"""Chooses which stretches of a graph are streamed.

A cut divides the steps, in the graph's order, into single steps and streams. Cuts are proposed (`cuts.py`), planned as
graphs in which each stream is one operator, and the smallest plan is kept.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from sparse_mcu.costmodel.errors import PlanError
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Operator
from sparse_mcu.costmodel.memory.checking.streams import check_stream
from sparse_mcu.costmodel.memory.model.budget import Meter
from sparse_mcu.costmodel.memory.model.plan import KernelContract, MemoryPlan
from sparse_mcu.costmodel.memory.model.stream import Stage, Stream
from sparse_mcu.costmodel.memory.streaming.build import StageContracts
from sparse_mcu.costmodel.memory.streaming.cuts import Cutter
from sparse_mcu.costmodel.memory.streaming.needs import Needs, Option, contract_of

Planner = Callable[[Graph, Mapping[str, KernelContract]], MemoryPlan]
"""Plans a graph without streams."""

_BANDS = (8, 4, 2)  # rows that all operators of a stream compute at once, where that costs no memory
_MOST_PLANS = 40
_PATIENCE = 12  # plans in a row that are no smaller, after which no more are tried
_MOST_PROVEN = 64  # cuts that are planned for a proof


def plan_streamed(
    needs: Needs,
    contracts: Mapping[str, KernelContract],
    planner: Planner,
    known: MemoryPlan | None = None,
    meter: Meter | None = None,
) -> MemoryPlan:
    """Find the smallest plan over all cuts; it has no streams if they save nothing.

    Its lower bound holds for all cuts, orders and placements, and all packings of windows. It assumes streams of at
    most 64 operators that compute one row at a time, with the delays of `rates_of`. It is weak if there are many cuts
    and steps that could be views.

    Args:
        needs: The graph's intervals; its problem with all views as steps.
        contracts: What each operator's kernel needs.
        planner: Plans graphs in which a stream is one operator.
        known: The plan of another order of the same graph. It is returned if nothing is smaller, and the bound then
            holds for both orders.
        meter: Ends the search when its time is over. What costs many plans is left out then.
    """
    graph, cutter, meter = needs.graph, Cutter(needs), meter or Meter()

    def planned(options: tuple[Option, ...]) -> MemoryPlan:
        return _planned(graph, contracts, options, planner)

    def floor_of(options: tuple[Option, ...], plan: MemoryPlan) -> int:
        return _floor(graph, contracts, options, plan, planner)

    best = _Choice(tuple(cutter.singles), known or planner(graph, contracts))
    cheapest = cutter.cheapest(cutter.least_need(best.plan.arena_bytes))
    if cheapest:
        best = min(best, _Choice(cheapest, planned(cheapest)), key=lambda each: each.plan.arena_bytes)
    bound = needs.ends_bytes
    if best.plan.arena_bytes > bound and not meter.is_over():
        cuts = cutter.every(best.plan.arena_bytes - 1, _MOST_PROVEN)
        if cuts is None:
            best = _searched(best, cutter, planned, meter)
            cuts = cutter.every(best.plan.arena_bytes - 1, _MOST_PROVEN)
        bound = cutter.bound(best.plan.arena_bytes)
        if cuts is not None:
            best, floor = _best_of(cuts, best, planned, floor_of, meter)
            bound = max(bound, floor)
    best = _eased(best, cutter, planned)
    arena = best.plan.arena_bytes
    if bound > arena:  # taller bands need less than any streams of single rows
        bound = min(max(cutter.weak_bound(), needs.ends_bytes), arena)
    if known:
        bound = min(bound, known.lower_bound_bytes)
    plan = replace(best.plan, lower_bound_bytes=bound)
    for stream in plan.streams.values():
        _check(graph, stream, plan, needs.stage_contracts)
    return plan


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    options: tuple[Option, ...]
    plan: MemoryPlan


def _planned(
    graph: Graph, contracts: Mapping[str, KernelContract], options: Iterable[Option], planner: Planner
) -> MemoryPlan:
    """Plan the graph in which each stream is one operator."""
    streams = [option.stream for option in options if option.stream]
    reduced, own = _reduced(graph, streams)
    plan = planner(reduced, {**contracts, **own})
    return replace(plan, streams={stream.name: stream for stream in streams})


def _floor(
    graph: Graph,
    contracts: Mapping[str, KernelContract],
    options: Iterable[Option],
    plan: MemoryPlan,
    planner: Planner,
) -> int:
    """Return a bound on any plan of these options, however their streams are packed; `plan` is the one as packed."""
    streams = [(option.stream, option.working_bytes) for option in options if option.stream]
    if all(stream.scratch_bytes <= least for stream, least in streams):
        return plan.lower_bound_bytes
    reduced, own = _reduced(graph, [stream for stream, _ in streams])
    tightest = {stream.name: replace(own[stream.name], scratch_bytes=least) for stream, least in streams}
    return planner(reduced, {**contracts, **tightest}).lower_bound_bytes


def _reduced(graph: Graph, streams: Iterable[Stream]) -> tuple[Graph, dict[str, KernelContract]]:
    """Return the graph with one operator for each stream, and the contracts of these operators."""
    last = {stream.operators[-1]: stream for stream in streams}
    inner = {name for stream in last.values() for name in stream.operators[:-1]}
    hidden = {operator.output for operator in graph.operators if operator.name in inner}
    operators = [
        Operator(name=last[each.name].name, inputs=last[each.name].inputs, output=each.output)
        if each.name in last
        else each
        for each in graph.operators
        if each.name not in inner
    ]
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name not in hidden}
    own = {stream.name: contract_of(graph, stream) for stream in last.values()}
    return replace(graph, operators=tuple(operators), tensors=tensors), own


def _searched(
    best: _Choice, cutter: Cutter, planned: Callable[[tuple[Option, ...]], MemoryPlan], meter: Meter
) -> _Choice:
    """Improve the best cut by changing one stream at a time, while that helps."""
    least_bytes = cutter.least_anyway(best.plan.arena_bytes)
    candidates, failed = cutter.neighbours(best.options, best.plan), 0
    seen: set[tuple[tuple[int, int, int], ...]] = set()
    while best.plan.arena_bytes > least_bytes and len(seen) < _MOST_PLANS and failed < _PATIENCE:
        options = next(candidates, None)
        if options is None or meter.is_over():
            return best
        key = tuple((each.start, each.end, each.stream.strips if each.stream else 0) for each in options)
        if key in seen:
            continue
        seen.add(key)
        plan, failed = planned(options), failed + 1
        if plan.arena_bytes < best.plan.arena_bytes:
            best, failed = _Choice(options, plan), 0
            candidates = cutter.neighbours(best.options, best.plan)
    return best


def _best_of(
    cuts: Iterable[tuple[Option, ...]],
    best: _Choice,
    planned: Callable[[tuple[Option, ...]], MemoryPlan],
    floor_of: Callable[[tuple[Option, ...], MemoryPlan], int],
    meter: Meter,
) -> tuple[_Choice, int]:
    """Plan all cuts that could be better than the best known; return the best, and a bound on these cuts."""
    floor = best.plan.arena_bytes
    for options in cuts:
        least = max((each.least_bytes for each in options), default=0)
        if least >= best.plan.arena_bytes or meter.is_over():
            floor = min(floor, least)
            continue
        plan = planned(options)
        floor = min(floor, floor_of(options, plan))
        if plan.arena_bytes < best.plan.arena_bytes:
            best = _Choice(options, plan)
    return best, floor


def _eased(best: _Choice, cutter: Cutter, planned: Callable[[tuple[Option, ...]], MemoryPlan]) -> _Choice:
    """Find a plan that is no larger but cheaper: fewer multiplications and streams, then more rows at a time."""
    target = best.plan.arena_bytes
    if not best.plan.streams:
        return best
    cheaper = cutter.cheapest(target)
    if cheaper and _cost(cheaper) < _cost(best.options):
        plan = planned(cheaper)
        best = _Choice(cheaper, plan) if plan.arena_bytes <= target else best
    for index, option in enumerate(best.options):
        for band in _BANDS if option.stream else ():
            strips = option.stream.strips if option.stream else 1
            taller = cutter.needs.stream(option.start, option.end, target, band_rows=band, strips=strips)
            if taller and taller.extra_macs <= option.extra_macs:
                options = (*best.options[:index], taller, *best.options[index + 1 :])
                plan = planned(options)
                if plan.arena_bytes <= target:
                    best = _Choice(options, plan)
                    break
    return best


def _cost(options: Iterable[Option]) -> tuple[int, int]:
    costs = [option.cost for option in options]
    return sum(macs for macs, _ in costs), sum(streamed for _, streamed in costs)


def _check(graph: Graph, stream: Stream, plan: MemoryPlan, stage_contracts: StageContracts) -> None:
    said = {stage.operator.name: _contract_of(stage, stage_contracts) for stage in stream.stages}
    check_stream(
        graph,
        stream,
        plan.offset_of_tensor,
        plan.offsets.get(f"{stream.name}.scratch", 0),
        plan.arena_bytes,
        {name: contract.scratch_bytes for name, contract in said.items()},
        {name: contract.safe_distance_bytes for name, contract in said.items()},
    )


def _contract_of(stage: Stage, stage_contracts: StageContracts) -> KernelContract:
    """What the kernel says again of a stage for which it said something when the stream was built."""
    contract = stage_contracts(stage.operator, stage.inputs, stage.output)
    if contract is None:
        raise PlanError(
            "a stage that was planned has no kernel any more",
            where=stage.operator.name,
            fix="Give a stage_contracts that answers the same whenever it is asked.",
        )
    return contract
