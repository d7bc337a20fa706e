"""The check that no plan escapes; it shares no code with the solvers it checks."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate, pairwise

from costmodel.errors import PlanError
from costmodel.memory.plan import Buffer, MemoryPlan, MemoryProblem


def check_plan(problem: MemoryProblem, plan: MemoryPlan) -> None:
    """Refuse a plan that is not an executable answer to `problem`.

    Raises:
        PlanError: The reason.
    """
    position = {name: time for time, name in enumerate(plan.schedule)}
    if len(position) != len(plan.schedule) or position.keys() != {step.name for step in problem.steps}:
        raise PlanError("the schedule does not run every step exactly once")
    expected = _expected_buffers(problem, position)
    if len(plan.buffers) != len(expected) or {b.name: b for b in plan.buffers} != expected:
        raise PlanError("a buffer is missing, or its size or lifetime is not what the schedule says")
    check_placement(plan.buffers, plan.offsets, plan.arena_bytes)
    _check_claims(plan)
    at = {tensor: plan.offsets[buffer] for tensor, buffer in problem.buffer_of.items()}
    if dict(plan.offset_of_tensor) != at:
        raise PlanError("a tensor is not where its buffer is")


def check_placement(buffers: Iterable[Buffer], offsets: Mapping[str, int], height_bytes: int) -> None:
    """Refuse offsets at which two live buffers share a byte, or that leave [0, height_bytes).

    Raises:
        PlanError: The reason, with the names of the buffers.
    """
    buffers = [*buffers]
    if offsets.keys() != {buffer.name for buffer in buffers}:
        raise PlanError("the offsets are not those of the buffers")
    for buffer in buffers:
        if not 0 <= offsets[buffer.name] <= height_bytes - buffer.size_bytes:
            raise PlanError("lies outside the arena", where=buffer.name)
    events = [(time, birth, b) for b in buffers if b.size_bytes for time, birth in ((b.start, True), (b.end, False))]
    live: list[tuple[int, str, int]] = []  # by offset; disjoint, so only neighbours can collide
    for _, birth, buffer in sorted(events, key=lambda event: event[:2]):
        entry = (offsets[buffer.name], buffer.name, buffer.size_bytes)
        place = bisect_left(live, entry)
        if not birth:
            del live[place]
            continue
        live.insert(place, entry)
        for (low, under, size), (high, over, _) in pairwise(live[max(place - 1, 0) : place + 2]):
            if low + size > high:
                raise PlanError(f"shares bytes with {over!r} while both are live", where=under)


def _expected_buffers(problem: MemoryProblem, position: Mapping[str, int]) -> dict[str, Buffer]:
    """Each buffer's life, from who writes and who reads it; refuses a reader that runs before the writer."""
    written = dict.fromkeys(problem.inputs, 0) | {n: position[s.name] for s in problem.steps for n in s.outputs}
    read: dict[str, list[int]] = {name: [] for name in problem.sizes_bytes}
    for step in problem.steps:
        for name in step.inputs:
            read[name].append(position[step.name])
            if name not in problem.inputs and written[name] >= position[step.name]:
                raise PlanError(f"runs before {name!r} is written", where=step.name)
    for name in problem.outputs:
        read[name].append(len(position) - 1)
    expected = {
        name: Buffer(name, size, written[name], max(written[name], *read[name], 0) + 1)
        for name, size in problem.sizes_bytes.items()
    }
    for step in problem.steps:
        if step.scratch_bytes:
            name, time = f"{step.name}.scratch", position[step.name]
            expected[name] = Buffer(name, step.scratch_bytes, time, time + 1)
    return expected


def _check_claims(plan: MemoryPlan) -> None:
    live = [0] * (len(plan.schedule) + 2)
    for buffer in plan.buffers:
        live[buffer.start] += buffer.size_bytes
        live[buffer.end] -= buffer.size_bytes
    at_step = dict(zip(plan.schedule, accumulate(live), strict=False)) or {"": live[0]}
    peak = max(at_step.values())
    if plan.peak_live_bytes != peak or at_step.get(plan.peak_step) != peak:
        raise PlanError(f"the peak is {peak} live bytes, not {plan.peak_live_bytes} at {plan.peak_step!r}")
    if not 0 <= plan.lower_bound_bytes <= plan.arena_bytes:
        raise PlanError(f"the lower bound {plan.lower_bound_bytes} is above the arena's {plan.arena_bytes} bytes")
