"""Explains an arena's size in reports: the peak, what cannot fit together, and what each lever saves.

Every report has the schedule, the placement and the peak. The conflict and the savings need several more runs of the
planner. So they are only made on demand, or if RAM is too small.
"""

import dataclasses
from collections.abc import Callable

from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan
from sparse_mcu.costmodel.memory.planning.explain import irreducible_conflict, peak_of, placed, savings_of
from sparse_mcu.costmodel.report import (
    ConflictReport,
    HeldTensor,
    LeverSaving,
    LiveBuffer,
    MemoryReport,
    PeakReport,
    RamReport,
    StreamReport,
)


def memory_report(graph: Graph, plan: MemoryPlan, levers: Levers) -> MemoryReport:
    """Returns the schedule, the placement (sorted by offset) and the peak of a plan."""
    buffers = placed(plan.buffers, plan.offsets)
    return MemoryReport(
        proven=plan.proven,
        lower_bound_bytes=plan.lower_bound_bytes,
        peak_step=plan.peak_step,
        peak_live_bytes=plan.peak_live_bytes,
        schedule=list(plan.schedule),
        placement=sorted(buffers, key=lambda p: (p.offset_bytes, p.start, p.buffer)),
        levers=dataclasses.asdict(levers),
        streams=[
            StreamReport(step=name, operators=list(stream.operators), strips=stream.strips)
            for name, stream in plan.streams.items()
        ],
        peak=_peak_report(graph, plan),
    )


def explained(
    memory: MemoryReport,
    plan: MemoryPlan,
    ram: RamReport,
    levers: Levers,
    arena_of: Callable[[Levers], int],
    kept_of: Callable[[Levers], int | None],
) -> MemoryReport:
    """Adds the conflict and the savings to `memory`.

    The conflict tells what does not fit into the RAM that the board leaves for the arena. If the arena fits, it tells
    what does not fit into one byte less than the arena.

    Args:
        memory: The report so far.
        plan: The plan that it reports.
        ram: The RAM's capacity, and what else lies in RAM as far as that is known.
        levers: The levers of the plan.
        arena_of: Plans the model with other levers, and chooses kernels anew. Returns the arena in bytes.
        kept_of: Plans the model with other levers and the kernels of `plan`. Returns None if that is impossible.
    """
    others = (ram.stack_bytes or 0) + ram.static_bytes + ram.padding_bytes
    capacity = max(min(ram.capacity_bytes - others, plan.arena_bytes - 1), 0)
    buffers, is_irreducible = irreducible_conflict(plan, capacity)
    conflict = ConflictReport(
        capacity_bytes=capacity, irreducible=is_irreducible, buffers=placed(buffers, plan.offsets)
    )
    savings = [LeverSaving(**dataclasses.asdict(saving)) for saving in savings_of(arena_of, levers, kept_of)]
    return memory.model_copy(update={"conflict": conflict if buffers else None, "savings": savings})


def _peak_report(graph: Graph, plan: MemoryPlan) -> PeakReport:
    peak = peak_of(plan)
    return PeakReport(
        step=plan.peak_step,
        index=peak.index,
        live_bytes=plan.peak_live_bytes,
        shared_bytes=peak.shared_bytes,
        buffers=[
            LiveBuffer(
                buffer=buffer.name,
                offset_bytes=plan.offsets[buffer.name],
                size_bytes=buffer.size_bytes,
                tensors=[
                    HeldTensor(name=name, shape=list(graph.tensor(name).shape)) for name in peak.tensors[buffer.name]
                ],
            )
            for buffer in peak.buffers
        ],
    )
