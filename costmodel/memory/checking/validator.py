"""Checks every plan, in production too.

The check shares no code with the solvers; import contracts in pyproject.toml enforce that.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, groupby, pairwise

from sparse_mcu.costmodel.errors import PlanError
from sparse_mcu.costmodel.memory.model.plan import Buffer, MemoryPlan, MemoryProblem, Overlap

_DEATH, _BRIEF_BIRTH, _RETREAT, _BIRTH, _LAST_STEP = range(5)
"""Kinds of events, in the order in which those of one time happen."""


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
    permitted = _permitted_overlaps(problem, position, expected)
    if len(plan.overlaps) != len(permitted) or {*plan.overlaps} != permitted:
        raise PlanError("the buffers that may overlap are not those that the problem permits")
    check_placement(plan.buffers, plan.offsets, plan.arena_bytes, plan.overlaps)
    _check_claims(plan)
    at = {
        tensor: plan.offsets[problem.home(value)] + problem.displacement_bytes(value) + problem.shifts.get(tensor, 0)
        for tensor, value in problem.buffer_of.items()
    }
    if dict(plan.offset_of_tensor) != at:
        raise PlanError("a tensor is not where its buffer is")
    if dict(plan.pitch_of_tensor) != problem.pitch_of_tensor:
        raise PlanError("a tensor's pixels are not as far apart as its part of a buffer says")


def check_placement(
    buffers: Iterable[Buffer], offsets: Mapping[str, int], height_bytes: int, overlaps: Iterable[Overlap] = ()
) -> None:
    """Refuse offsets at which two live buffers share a byte, or that leave [0, height_bytes).

    Args:
        buffers: With fixed lives.
        offsets: For each buffer.
        height_bytes: Of the arena.
        overlaps: Pairs that may share bytes, as far as their distance permits.

    Raises:
        PlanError: The reason, with the names of the buffers.
    """
    buffers = [*buffers]
    if offsets.keys() != {buffer.name for buffer in buffers}:
        raise PlanError("the offsets are not those of the buffers")
    for buffer in buffers:
        if not 0 <= offsets[buffer.name] <= height_bytes - buffer.size_bytes:
            raise PlanError("lies outside the arena", where=buffer.name)
    pairs = {overlap.dying: overlap for overlap in overlaps}
    live: list[tuple[int, str, int]] = []  # by offset; disjoint, so only neighbours can collide
    for _, kind, buffer in sorted(_events(buffers, pairs), key=lambda event: event[:2]):
        entry = (offsets[buffer.name], buffer.name, buffer.size_bytes)
        place = bisect_left(live, entry)
        if kind == _LAST_STEP:
            _check_last_step(live, place, entry, pairs[buffer.name])
        elif kind in {_DEATH, _RETREAT}:
            del live[place]
        else:
            live.insert(place, entry)
            for (low, under, size), (high, over, _) in pairwise(live[max(place - 1, 0) : place + 2]):
                if low + size > high:
                    raise PlanError(f"shares bytes with {over!r} while both are live", where=under)


def _events(buffers: Iterable[Buffer], pairs: Mapping[str, Overlap]) -> Iterator[tuple[int, int, Buffer]]:
    """List what happens to the buffers: time, kind, buffer.

    A buffer that may be overlapped leaves the list of live buffers before the births of its last step. It is then
    compared with the newborn ones by itself, because only it may share bytes with its pair's output.
    """
    for buffer in buffers:
        last = buffer.end - 1
        if buffer.size_bytes and buffer.name not in pairs:
            yield buffer.start, _BIRTH, buffer
            yield buffer.end, _DEATH, buffer
        elif buffer.size_bytes:
            yield buffer.start, _BIRTH if buffer.start < last else _BRIEF_BIRTH, buffer
            yield last, _RETREAT, buffer
            yield last, _LAST_STEP, buffer


def _check_last_step(live: list[tuple[int, str, int]], place: int, entry: tuple[int, str, int], pair: Overlap) -> None:
    """Refuse a dying buffer that shares bytes with one of `live`, but for its pair's output at the safe distance."""
    start, name, size = entry
    for low, other, other_size in live[max(place - 1, 0) :]:
        if low >= start + size:
            return
        if low + other_size > start and (other != pair.output or start - low < pair.distance_bytes):
            raise PlanError(f"shares bytes with {other!r} while both are live", where=name)


def _expected_buffers(problem: MemoryProblem, position: Mapping[str, int]) -> dict[str, Buffer]:
    """Compute each buffer's life from the writers and readers of its values; refuse a reader before its writer."""
    written = dict.fromkeys(problem.inputs, 0) | {n: position[s.name] for s in problem.steps for n in s.outputs}
    uses: dict[str, list[int]] = {name: [] for name in problem.sizes_bytes}
    for name, time in written.items():
        uses[problem.home(name)].append(time)
    for step in problem.steps:
        for name in step.inputs:
            uses[problem.home(name)].append(position[step.name])
            if name not in problem.inputs and written[name] >= position[step.name]:
                raise PlanError(f"runs before {name!r} is written", where=step.name)
    for name in problem.outputs:
        uses[problem.home(name)].append(max(len(position) - 1, 0))
    expected = {
        name: Buffer(name, size, min(uses[name]), max(uses[name]) + 1) for name, size in problem.sizes_bytes.items()
    }
    for step in problem.steps:
        if step.scratch_bytes:
            name, time = f"{step.name}.scratch", position[step.name]
            expected[name] = Buffer(name, step.scratch_bytes, time, time + 1)
    return expected


def _permitted_overlaps(
    problem: MemoryProblem, position: Mapping[str, int], life: Mapping[str, Buffer]
) -> set[Overlap]:
    """Find the pairs of which a step is the last to use one buffer and the first to use the other.

    The graph's outputs never die, and the buffers of its inputs are in use before the first step.
    """
    permitted: set[Overlap] = set()
    survivors = {problem.home(name) for name in problem.outputs}
    filled = {problem.home(name) for name in problem.inputs}
    for step in problem.steps:
        time = position[step.name]
        for dying, distance in step.safe_distance_bytes.items():
            output = life[problem.home(step.outputs[0])]
            if dying in survivors or output.name in filled:
                continue
            if life[dying].end == time + 1 and output.start == time:
                permitted.add(Overlap(dying, output.name, min(distance, output.size_bytes)))
    return permitted


def _check_claims(plan: MemoryPlan) -> None:
    change = [0] * (len(plan.schedule) + 2)
    life = {buffer.name: buffer for buffer in plan.buffers}
    for buffer in plan.buffers:
        change[buffer.start] += buffer.size_bytes
        change[buffer.end] -= buffer.size_bytes
    live = [*accumulate(change)]
    for output, pairs in groupby(sorted(plan.overlaps, key=lambda pair: pair.output), key=lambda pair: pair.output):
        live[life[output].start] -= _most_shared(life, life[output], [*pairs])
    at_step = dict(zip(plan.schedule, live, strict=False)) or {"": live[0]}
    peak = max(at_step.values())
    if plan.peak_live_bytes != peak or at_step.get(plan.peak_step) != peak:
        raise PlanError(f"the peak is {peak} live bytes, not {plan.peak_live_bytes} at {plan.peak_step!r}")
    if not 0 <= plan.lower_bound_bytes <= plan.arena_bytes:
        raise PlanError(f"the lower bound {plan.lower_bound_bytes} is above the arena's {plan.arena_bytes} bytes")


def _most_shared(life: Mapping[str, Buffer], output: Buffer, pairs: list[Overlap]) -> int:
    """Count the bytes of `output` that dying buffers can share: stacked upwards, each from its distance on."""
    top = shared = 0
    for pair in sorted(pairs, key=lambda pair: pair.distance_bytes):
        bottom = max(top, pair.distance_bytes)
        top = bottom + life[pair.dying].size_bytes
        shared += max(0, min(top, output.size_bytes) - bottom)
    return shared
