"""Order and offsets together."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.memory.checking.validator import check_plan
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers
from sparse_mcu.costmodel.memory.model.plan import Buffer, KernelContract, MemoryPlan, MemoryProblem, Overlap, Step
from sparse_mcu.costmodel.memory.order.alternatives import orders_below
from sparse_mcu.costmodel.memory.order.schedule import best_order
from sparse_mcu.costmodel.memory.placement.placement import DEFAULT_NODES, Placement, place
from sparse_mcu.costmodel.memory.problem.floors import floor_of_choices
from sparse_mcu.costmodel.memory.problem.lifetimes import lifetimes, loads, overlaps_of
from sparse_mcu.costmodel.memory.problem.problem import check_problem, problem_of, viewable
from sparse_mcu.costmodel.memory.problem.replacing import anywhere, replacing_in, replacing_operators
from sparse_mcu.costmodel.memory.streaming.build import StageContracts
from sparse_mcu.costmodel.memory.streaming.choice import plan_streamed
from sparse_mcu.costmodel.memory.streaming.needs import Needs
from sparse_mcu.costmodel.memory.streaming.orders import depth_first

DEFAULT_ORDER_NODES = 300_000
"""Sets of executed steps that the order search expands before it gives up the proof."""


MOST_CHOICES = 5
"""Concats up to which each subset of them is tried as views."""

ALTERNATIVE_STEPS = 20_000
"""Steps tried in listing other orders, where the first best one does not place at its peak."""


def plan_memory(
    problem: MemoryProblem, *, order_nodes: int = DEFAULT_ORDER_NODES, placement_nodes: int = DEFAULT_NODES
) -> MemoryPlan:
    """The order and the offsets of the smallest arena.

    The same problem gives the same plan: budgets count search nodes, not time.

    Args:
        problem: What to plan.
        order_nodes: Budget of the order's proof.
        placement_nodes: Budget of the placement's proof.

    Raises:
        PlanError: The problem is contradictory.
    """
    check_problem(problem)
    order = best_order(problem, node_budget=order_nodes)
    bound = order.lower_bound_bytes
    best = _placed(problem, order.steps, bound, placement_nodes)
    if best.placement.height_bytes > bound:
        best, bound = _improved(problem, best, bound, placement_nodes - best.placement.nodes)
    plan = _plan(problem, best, bound)
    check_plan(problem, plan)
    return plan


def plan_graph(
    graph: Graph,
    contracts: Mapping[str, KernelContract],
    levers: Levers = ALL,
    *,
    stage_contracts: StageContracts | None = None,
    order_nodes: int = DEFAULT_ORDER_NODES,
    placement_nodes: int = DEFAULT_NODES,
) -> MemoryPlan:
    """The smallest arena for `graph`, also over which of its Concats are views and which stretches are streamed.

    Args:
        graph: A validated graph.
        contracts: What each operator's kernel needs.
        levers: What may be done.
        stage_contracts: What kernels need for a call in a stream; None: nothing is streamed.
        order_nodes: Budget of the order's proof, for each choice.
        placement_nodes: Budget of the placement's proof, for each choice.

    Raises:
        PlanError: An operator has no contract.
    """

    def plan(reduced: Graph, own: Mapping[str, KernelContract]) -> MemoryPlan:
        return _plan_with_views(reduced, own, levers, order_nodes, placement_nodes)

    if stage_contracts is None or not (levers.streaming or levers.fused_pools):
        return plan(graph, contracts)
    able = viewable(graph, contracts, levers)
    loose = _loosened(graph, contracts, levers, able)
    best: MemoryPlan | None = None
    for ordered in depth_first(graph):
        problem = problem_of(ordered, loose, levers, executed=able)
        best = plan_streamed(Needs(ordered, problem, levers, stage_contracts, able), contracts, plan, best)
    return best or plan(graph, contracts)


def _plan_with_views(
    graph: Graph, contracts: Mapping[str, KernelContract], levers: Levers, order_nodes: int, placement_nodes: int
) -> MemoryPlan:
    """The smallest arena over which Concats and Slices are views.

    A view keeps the whole output live from its first piece on, or the whole input to its last reader, so it is a
    choice. With few of them every choice is planned; with many, all and none, and then those at the peak are turned one
    after the other.
    """

    def solve(problem: MemoryProblem) -> MemoryPlan:
        return plan_memory(problem, order_nodes=order_nodes, placement_nodes=placement_nodes)

    def plan(executed: Collection[str]) -> MemoryPlan:
        problem = problem_of(graph, contracts, levers, executed=executed, replacing=in_place)
        best = solve(problem)
        if not problem.replaced:
            return best
        relaxed = problem_of(graph, anywhere(contracts, problem), levers, executed=executed)
        bound = best_order(relaxed, node_budget=order_nodes).lower_bound_bytes
        if best.arena_bytes <= bound:
            return replace(best, lower_bound_bytes=bound)
        loose = solve(relaxed)
        ways = (replacing_in(loose, problem), ())
        others = (solve(problem_of(graph, contracts, levers, executed=executed, replacing=way)) for way in ways)
        return replace(_smallest(best, others, loose.lower_bound_bytes), lower_bound_bytes=loose.lower_bound_bytes)

    in_place = replacing_operators(contracts, levers)
    able = viewable(graph, contracts, levers)
    best = plan(())
    if not able:
        return best
    loose = _loosened(graph, contracts, levers, able)
    viewed, run = (problem_of(graph, loose, levers, executed=each) for each in ((), able))
    floor = floor_of_choices(viewed, run, able)
    if best.arena_bytes > floor and len(able) <= MOST_CHOICES:
        plans = [best, *map(plan, _subsets(able))]
        best = min(plans, key=lambda each: each.arena_bytes)
        floor = max(floor, min(each.lower_bound_bytes for each in plans))
    elif best.arena_bytes > floor:
        best = _turned(graph, able, floor, plan, best)
    return replace(best, lower_bound_bytes=floor)


def _loosened(
    graph: Graph, contracts: Mapping[str, KernelContract], levers: Levers, executed: Collection[str]
) -> Mapping[str, KernelContract]:
    """Contracts as if outputs that may replace their inputs could overlap them in any way: for bounds."""
    in_place = replacing_operators(contracts, levers)
    return anywhere(contracts, problem_of(graph, contracts, levers, executed=executed, replacing=in_place))


def _turned(
    graph: Graph,
    able: Collection[str],
    floor_bytes: int,
    plan: Callable[[Collection[str]], MemoryPlan],
    best: MemoryPlan,
) -> MemoryPlan:
    """`best`, which has all views, or the plan without, and then what turning each one at the peak makes of it."""
    executed, tried, turn = frozenset[str](), set[str](), frozenset(able)
    while turn and best.arena_bytes > floor_bytes:
        other = plan(executed ^ turn)
        if other.arena_bytes < best.arena_bytes:
            executed, best = executed ^ turn, other
        turn = frozenset([name for name in _at_peak(graph, best, able) if name not in tried][:1])
        tried |= turn
    return best


def _at_peak(graph: Graph, plan: MemoryPlan, names: Collection[str]) -> list[str]:
    """Those of the named operators of which a tensor is live at the peak."""
    time = plan.schedule.index(plan.peak_step)
    live = {buffer.name for buffer in plan.buffers if buffer.start <= time < buffer.end}
    held = {tensor for tensor, buffer in plan.buffer_of_tensor.items() if buffer in live}
    return [
        each.name for each in graph.operators if each.name in names and held.intersection((*each.inputs, each.output))
    ]


def _smallest(first: MemoryPlan, others: Iterable[MemoryPlan], bound_bytes: int) -> MemoryPlan:
    """The plan with the smallest arena; none is looked at behind one that reaches the bound."""
    for other in others:
        if first.arena_bytes <= bound_bytes:
            break
        first = min(first, other, key=lambda each: each.arena_bytes)
    return first


def _subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """All but the empty one, the smallest first."""
    return (subset for count in range(1, len(names) + 1) for subset in combinations(names, count))


@dataclass(frozen=True, slots=True)
class _Candidate:
    steps: tuple[Step, ...]
    buffers: tuple[Buffer, ...]
    overlaps: tuple[Overlap, ...]
    placement: Placement


def _placed(problem: MemoryProblem, steps: tuple[Step, ...], target_bytes: int, node_budget: int) -> _Candidate:
    buffers = lifetimes(problem, steps)
    overlaps = overlaps_of(problem, steps, buffers)
    placement = place(buffers, overlaps, target_bytes=target_bytes, node_budget=node_budget)
    return _Candidate(steps, buffers, overlaps, placement)


def _improved(problem: MemoryProblem, best: _Candidate, bound: int, node_budget: int) -> tuple[_Candidate, int]:
    """Try the other orders below the best arena; having placed all of them proves the lowest of their bounds."""
    lowest = best.placement.height_bytes
    for steps in orders_below(problem, lowest, ALTERNATIVE_STEPS):
        if steps is None or node_budget <= 0:
            return best, bound
        other = _placed(problem, steps, bound, node_budget)
        node_budget -= other.placement.nodes
        lowest = min(lowest, other.placement.lower_bound_bytes)
        if other.placement.height_bytes < best.placement.height_bytes:
            best = other
        if best.placement.height_bytes <= bound:
            return best, bound
    return best, max(bound, min(lowest, best.placement.height_bytes))


def _plan(problem: MemoryProblem, best: _Candidate, bound: int) -> MemoryPlan:
    live = loads(best.buffers, len(best.steps), best.overlaps)
    peak = max(live)
    offsets = best.placement.offsets
    return MemoryPlan(
        schedule=tuple(step.name for step in best.steps),
        buffers=best.buffers,
        offsets=offsets,
        arena_bytes=best.placement.height_bytes,
        peak_step=best.steps[live.index(peak)].name if best.steps else "",
        peak_live_bytes=peak,
        lower_bound_bytes=bound,
        offset_of_tensor={
            tensor: offsets[problem.home(value)] + problem.displacement_bytes(value) + problem.shifts.get(tensor, 0)
            for tensor, value in problem.buffer_of.items()
        },
        buffer_of_tensor={tensor: problem.home(value) for tensor, value in problem.buffer_of.items()},
        overlaps=best.overlaps,
        pitch_of_tensor=problem.pitch_of_tensor,
    )
