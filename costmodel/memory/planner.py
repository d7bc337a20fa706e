"""Order and offsets together."""

from dataclasses import dataclass

from costmodel.memory.alternatives import orders_below
from costmodel.memory.lifetimes import lifetimes, loads, overlaps_of
from costmodel.memory.placement import DEFAULT_NODES, Placement, place
from costmodel.memory.plan import Buffer, MemoryPlan, MemoryProblem, Overlap, Step
from costmodel.memory.problem import check_problem
from costmodel.memory.schedule import best_order
from costmodel.memory.validator import check_plan

DEFAULT_ORDER_NODES = 300_000
"""Sets of executed steps that the order search expands before it gives up the proof."""


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
            tensor: offsets[problem.home(value)] + problem.displacement_bytes(value)
            for tensor, value in problem.buffer_of.items()
        },
        overlaps=best.overlaps,
    )
