"""Order and offsets together."""

from collections.abc import Sequence

from costmodel.memory.lifetimes import lifetimes, loads
from costmodel.memory.placement import DEFAULT_NODES, Placement, place
from costmodel.memory.plan import Buffer, MemoryPlan, MemoryProblem, Step
from costmodel.memory.problem import check_problem
from costmodel.memory.schedule import best_order
from costmodel.memory.validator import check_plan

DEFAULT_ORDER_NODES = 300_000
"""Sets of executed steps that the order search expands before it gives up the proof."""


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
    buffers = lifetimes(problem, order.steps)
    placement = place(buffers, target_bytes=order.lower_bound_bytes, node_budget=placement_nodes)
    plan = _plan(problem, order.steps, buffers, placement, order.lower_bound_bytes)
    check_plan(problem, plan)
    return plan


def _plan(
    problem: MemoryProblem, steps: Sequence[Step], buffers: tuple[Buffer, ...], placement: Placement, bound: int
) -> MemoryPlan:
    live = loads(buffers, max(len(steps), 1))
    peak = max(live)
    return MemoryPlan(
        schedule=tuple(step.name for step in steps),
        buffers=buffers,
        offsets=placement.offsets,
        arena_bytes=placement.height_bytes,
        peak_step=steps[live.index(peak)].name if steps else "",
        peak_live_bytes=peak,
        lower_bound_bytes=bound,
        offset_of_tensor={tensor: placement.offsets[buffer] for tensor, buffer in problem.buffer_of.items()},
    )
