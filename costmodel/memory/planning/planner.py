"""Plans a graph's memory: the order of its steps and the offsets of its buffers, together.

An order with the smallest peak of live bytes is found first, then offsets for it. If the offsets need more than the
peak, the other orders below that height are placed too. Around this, choices are tried: which Concats and Slices are
views, which outputs replace their inputs, and what is streamed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, takewhile

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.memory.checking.validator import check_plan
from sparse_mcu.costmodel.memory.model.budget import Meter
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers
from sparse_mcu.costmodel.memory.model.plan import Buffer, KernelContract, MemoryPlan, MemoryProblem, Overlap, Step
from sparse_mcu.costmodel.memory.order.alternatives import orders_below
from sparse_mcu.costmodel.memory.order.schedule import best_order
from sparse_mcu.costmodel.memory.placement.placement import DEFAULT_NODES, Placement, place
from sparse_mcu.costmodel.memory.problem.floors import floor_of_choices
from sparse_mcu.costmodel.memory.problem.lifetimes import lifetimes, loads, overlaps_of
from sparse_mcu.costmodel.memory.problem.problem import check_problem, problem_of, viewable
from sparse_mcu.costmodel.memory.problem.replacing import anywhere, replacing_in, replacing_operators
from sparse_mcu.costmodel.memory.streaming.build import StageContracts, Streams
from sparse_mcu.costmodel.memory.streaming.choice import plan_streamed
from sparse_mcu.costmodel.memory.streaming.needs import Needs
from sparse_mcu.costmodel.memory.streaming.orders import depth_first

DEFAULT_ORDER_NODES = 300_000
"""Sets of executed steps that the order search expands before it gives up the proof."""

MOST_CHOICES = 5
"""Up to so many Concats and Slices that can be views, every choice of them is planned."""

ALTERNATIVE_STEPS = 20_000
"""Steps to try while other orders are listed, if the best order cannot be placed at its peak."""


def plan_memory(
    problem: MemoryProblem,
    *,
    order_nodes: int = DEFAULT_ORDER_NODES,
    placement_nodes: int = DEFAULT_NODES,
    meter: Meter | None = None,
) -> MemoryPlan:
    """Find the order and the offsets of the smallest arena.

    The same problem gives the same plan, as long as only search nodes end a search.

    Args:
        problem: What to plan.
        order_nodes: Budget of the order's proof.
        placement_nodes: Budget of the placement's proof.
        meter: Ends all searches when its time is over or its memory is full.

    Returns:
        The plan, checked.

    Raises:
        PlanError: The problem is contradictory.
    """
    check_problem(problem)
    meter = meter or Meter()
    order = best_order(problem, node_budget=order_nodes, meter=meter)
    bound = order.lower_bound_bytes
    best = _placed(problem, order.steps, bound, placement_nodes, meter)
    if best.placement.height_bytes > bound:
        best, bound = _improved(problem, best, bound, placement_nodes - best.placement.nodes, meter)
    plan = _plan(problem, best, bound)
    check_plan(problem, plan)
    return plan


def plan_graph(
    graph: Graph,
    contracts: Mapping[str, KernelContract],
    levers: Levers = ALL,
    *,
    stage_contracts: StageContracts | None = None,
    streams: Streams | None = None,
    order_nodes: int = DEFAULT_ORDER_NODES,
    placement_nodes: int = DEFAULT_NODES,
    meter: Meter | None = None,
) -> MemoryPlan:
    """Find the smallest arena for `graph`, and choose its views and what is streamed on the way.

    Args:
        graph: A validated graph.
        contracts: What each operator's kernel needs.
        levers: What may be done.
        stage_contracts: What kernels need for a call in a stream; None: nothing is streamed.
        streams: The graph's streams that were built before, with any kernels and levers; more are added.
        order_nodes: Budget of the order's proof, for each choice.
        placement_nodes: Budget of the placement's proof, for each choice.
        meter: Ends all searches when its time is over or its memory is full.

    Returns:
        The smallest plan that was found, with a lower bound over all choices.

    Raises:
        PlanError: An operator has no contract.
    """
    clock = meter or Meter()

    def plan(reduced: Graph, own: Mapping[str, KernelContract]) -> MemoryPlan:
        return _ViewSearch(reduced, own, levers, order_nodes, placement_nodes, clock).best()

    if stage_contracts is None or not (levers.streaming or levers.fused_pools):
        return plan(graph, contracts)
    able = viewable(graph, contracts, levers)
    loose = _loosened(graph, contracts, levers, able)
    streams = streams or Streams(graph)
    best: MemoryPlan | None = None
    for ordered in depth_first(graph):
        problem = problem_of(ordered, loose, levers, executed=able)
        needs = Needs(ordered, problem, levers, stage_contracts, able, streams)
        if best is None or best.arena_bytes > needs.ends_bytes:
            best = plan_streamed(needs, contracts, plan, best, clock)
    return best or plan(graph, contracts)


class _ViewSearch:
    """Searches for the smallest arena over which Concats and Slices of a graph are views.

    A view costs nothing to execute, but it lengthens a life. A viewed Concat keeps its whole output live from its first
    piece on; a viewed Slice keeps its whole input live up to its last reader. So each view is a choice.

    Example: a Concat joins a (40 bytes, made early) and b (8 bytes, made late) to y (48 bytes). As a view, y's 48 bytes
    are live from the step that writes a on. As a step, only a's 40 bytes are live until the Concat runs, but then a, b
    and y are live together: 96 bytes. The first is better if nothing large happens between a and b.
    """

    def __init__(
        self,
        graph: Graph,
        contracts: Mapping[str, KernelContract],
        levers: Levers,
        order_nodes: int,
        placement_nodes: int,
        meter: Meter,
    ) -> None:
        self.graph, self.contracts, self.levers, self.meter = graph, contracts, levers, meter
        self.order_nodes, self.placement_nodes = order_nodes, placement_nodes
        self.in_place = replacing_operators(contracts, levers)
        self.able = viewable(graph, contracts, levers)

    def best(self) -> MemoryPlan:
        """Plan with all views first, and with other choices while the arena is above what every choice needs.

        With few views every choice is planned. With many, all views and no views are planned, and then the views at
        the peak are turned one after the other.
        """
        best = self._plan(executed=())
        if not self.able:
            return best
        floor = self._floor()
        if best.arena_bytes > floor and len(self.able) <= MOST_CHOICES:
            subsets = [*_subsets(self.able)]
            plans = [best, *map(self._plan, takewhile(lambda _: not self.meter.is_over(), subsets))]
            best = min(plans, key=lambda each: each.arena_bytes)
            if len(plans) > len(subsets):
                floor = max(floor, min(each.lower_bound_bytes for each in plans))
        elif best.arena_bytes > floor:
            best = self._turn_views(best, floor)
        return replace(best, lower_bound_bytes=floor)

    def _plan(self, executed: Collection[str]) -> MemoryPlan:
        """Plan one choice, also over which operators write exactly over their inputs.

        Args:
            executed: Concats and Slices that are steps; the others are views.
        """
        problem = self._problem(executed, self.in_place)
        best = self._solve(problem)
        if not problem.replaced:
            return best
        relaxed = problem_of(self.graph, anywhere(self.contracts, problem), self.levers, executed=executed)
        bound = best_order(relaxed, node_budget=self.order_nodes, meter=self.meter).lower_bound_bytes
        if best.arena_bytes <= bound:
            return replace(best, lower_bound_bytes=bound)
        loose = self._solve(relaxed)
        ways = (replacing_in(loose, problem), ())
        others = (self._solve(self._problem(executed, way)) for way in ways)
        return replace(_smallest(best, others, loose.lower_bound_bytes), lower_bound_bytes=loose.lower_bound_bytes)

    def _problem(self, executed: Collection[str], replacing: Collection[str]) -> MemoryProblem:
        return problem_of(self.graph, self.contracts, self.levers, executed=executed, replacing=replacing)

    def _solve(self, problem: MemoryProblem) -> MemoryPlan:
        return plan_memory(
            problem, order_nodes=self.order_nodes, placement_nodes=self.placement_nodes, meter=self.meter
        )

    def _floor(self) -> int:
        """Bytes that every choice needs."""
        loose = _loosened(self.graph, self.contracts, self.levers, self.able)
        all_viewed = problem_of(self.graph, loose, self.levers, executed=())
        all_executed = problem_of(self.graph, loose, self.levers, executed=self.able)
        return floor_of_choices(all_viewed, all_executed, self.able)

    def _turn_views(self, best: MemoryPlan, floor_bytes: int) -> MemoryPlan:
        """Improve the plan with all views: try it with none, then turn the views at the peak, one at a time.

        To turn a view is to execute it, or to make it a view again. A turn that helps is kept.
        """
        executed = frozenset[str]()
        tried, turned = set[str](), frozenset(self.able)
        while turned and best.arena_bytes > floor_bytes and not self.meter.is_over():
            other = self._plan(executed ^ turned)
            if other.arena_bytes < best.arena_bytes:
                executed, best = executed ^ turned, other
            turned = frozenset([name for name in self._at_peak(best) if name not in tried][:1])
            tried |= turned
        return best

    def _at_peak(self, plan: MemoryPlan) -> list[str]:
        """Name the operators that could be views and have a tensor that is live at the peak."""
        time = plan.schedule.index(plan.peak_step)
        live = {buffer.name for buffer in plan.buffers if buffer.start <= time < buffer.end}
        held = {tensor for tensor, buffer in plan.buffer_of_tensor.items() if buffer in live}
        return [
            each.name
            for each in self.graph.operators
            if each.name in self.able and held.intersection((*each.inputs, each.output))
        ]


def _loosened(
    graph: Graph, contracts: Mapping[str, KernelContract], levers: Levers, executed: Collection[str]
) -> Mapping[str, KernelContract]:
    """Loosen contracts for a bound: outputs that may replace their inputs may overlap them in any way."""
    in_place = replacing_operators(contracts, levers)
    return anywhere(contracts, problem_of(graph, contracts, levers, executed=executed, replacing=in_place))


def _smallest(first: MemoryPlan, others: Iterable[MemoryPlan], bound_bytes: int) -> MemoryPlan:
    """Choose the plan with the smallest arena; once a plan reaches the bound, the rest are not computed."""
    for other in others:
        if first.arena_bytes <= bound_bytes:
            break
        first = min(first, other, key=lambda each: each.arena_bytes)
    return first


def _subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """List all subsets but the empty one, the smallest first."""
    return (subset for count in range(1, len(names) + 1) for subset in combinations(names, count))


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An order with its placement."""

    steps: tuple[Step, ...]
    buffers: tuple[Buffer, ...]
    overlaps: tuple[Overlap, ...]
    placement: Placement


def _placed(
    problem: MemoryProblem, steps: tuple[Step, ...], target_bytes: int, node_budget: int, meter: Meter
) -> _Candidate:
    buffers = lifetimes(problem, steps)
    overlaps = overlaps_of(problem, steps, buffers)
    placement = place(buffers, overlaps, target_bytes=target_bytes, node_budget=node_budget, meter=meter)
    return _Candidate(steps, buffers, overlaps, placement)


def _improved(
    problem: MemoryProblem, best: _Candidate, bound: int, node_budget: int, meter: Meter
) -> tuple[_Candidate, int]:
    """Place the other orders whose peak is below the best arena.

    If all of them have been placed, no order can do better than the lowest of their bounds: that is a new bound.

    Returns:
        The best candidate, and the bound.
    """
    lowest = best.placement.height_bytes
    for steps in orders_below(problem, lowest, ALTERNATIVE_STEPS):
        if steps is None or node_budget <= 0 or meter.is_over():
            return best, bound
        other = _placed(problem, steps, bound, node_budget, meter)
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
