"""Turns an order of steps into the lives of its buffers, and finds which buffers may share bytes."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from sparse_mcu.costmodel.memory.model.plan import Buffer, MemoryProblem, Overlap, Step
from sparse_mcu.costmodel.memory.problem.problem import scratch_name


def lifetimes(problem: MemoryProblem, order: Sequence[Step]) -> tuple[Buffer, ...]:
    """Return every buffer, scratch included, with its life [start, end) in steps of `order`.

    A buffer lives from the first step that writes to it through the last step that uses it. The graph's inputs live
    from step 0 on, and at least during it. Its outputs live through the last step.
    """
    start = dict.fromkeys(problem.homes(problem.inputs), 0)
    end = dict.fromkeys(start, 1)
    scratch: list[Buffer] = []
    for time, step in enumerate(order):
        for value in step.outputs:
            start.setdefault(problem.home(value), time)
        for value in (*step.inputs, *step.outputs):
            end[problem.home(value)] = time + 1
        if step.scratch_bytes:
            scratch.append(Buffer(scratch_name(step), step.scratch_bytes, time, time + 1))
    end.update(dict.fromkeys(problem.homes(problem.outputs), max(len(order), 1)))
    return (*(Buffer(name, size, start[name], end[name]) for name, size in problem.sizes_bytes.items()), *scratch)


def overlaps_of(problem: MemoryProblem, order: Sequence[Step], buffers: Iterable[Buffer]) -> tuple[Overlap, ...]:
    """Find the pairs that may share bytes: a step is the last to use one buffer and the first to use the other."""
    life = {buffer.name: buffer for buffer in buffers}
    filled, kept = {*problem.homes(problem.inputs)}, {*problem.homes(problem.outputs)}
    found: list[Overlap] = []
    for time, step in enumerate(order):
        for dying, distance in step.safe_distance_bytes.items():
            (output,) = problem.homes(step.outputs)
            is_dead, is_new = life[dying].end == time + 1, life[output].start == time
            if is_dead and dying not in kept and is_new and output not in filled:
                found.append(Overlap(dying, output, min(distance, life[output].size_bytes)))
    return tuple(found)


def shared_bytes(output_bytes: int, dying: Iterable[tuple[int, int]]) -> int:
    """Return the most bytes that an output can share with inputs that die in the step.

    The inputs are disjoint. Stack them upwards in the order of their distances, each as low as its distance and the
    inputs below it permit. Most of their bytes are within the output then, so the two together are as low as can be.

    Example: an output of 20 bytes; inputs of 8 bytes at distance 4 and of 10 bytes at distance 0. The second takes
    bytes [0, 10) above the output's start, the first one [10, 18). All 18 bytes are shared.

    Args:
        output_bytes: Size of the output.
        dying: (safe distance, size) of each input.
    """
    top = total = 0
    for distance, size in sorted(dying):
        top = max(top, min(distance, output_bytes)) + size
        total += size
    return output_bytes + total - max(output_bytes, top)


def loads(buffers: Sequence[Buffer], steps: int, overlaps: Iterable[Overlap] = ()) -> list[int]:
    """Return the bytes live at each step, those that buffers may share counted once.

    A schedule without steps counts as one step.
    """
    steps = max(steps, 1)
    change = [0] * (steps + 1)
    for buffer in buffers:
        change[buffer.start] += buffer.size_bytes
        change[buffer.end] -= buffer.size_bytes
    live = list(accumulate(change))[:steps]
    life = {buffer.name: buffer for buffer in buffers}
    dying: dict[str, list[tuple[int, int]]] = {}
    for overlap in overlaps:
        entry = (overlap.distance_bytes, life[overlap.dying].size_bytes)
        dying.setdefault(overlap.output, []).append(entry)
    for output, inputs in dying.items():
        live[life[output].start] -= shared_bytes(life[output].size_bytes, inputs)
    return live
