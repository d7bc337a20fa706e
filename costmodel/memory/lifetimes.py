"""From an order to lifetimes: when each buffer comes and goes."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from costmodel.memory.plan import Buffer, MemoryProblem, Step
from costmodel.memory.problem import scratch_name


def lifetimes(problem: MemoryProblem, order: Sequence[Step]) -> tuple[Buffer, ...]:
    """Every buffer with its life [start, end) in steps of `order`, scratch included.

    A buffer lives from the step that writes it through its last reader; an input from step 0 (through it,
    if nothing reads it), an output past the last step.
    """
    start = dict.fromkeys(problem.inputs, 0)
    end = dict.fromkeys(problem.inputs, 1)
    scratch: list[Buffer] = []
    for time, step in enumerate(order):
        for name in step.outputs:
            start[name] = time
        for name in (*step.inputs, *step.outputs):
            end[name] = time + 1
        if step.scratch_bytes:
            scratch.append(Buffer(scratch_name(step), step.scratch_bytes, time, time + 1))
    end.update(dict.fromkeys(problem.outputs, max(len(order), 1)))
    return (*(Buffer(name, size, start[name], end[name]) for name, size in problem.sizes_bytes.items()), *scratch)


def loads(buffers: Iterable[Buffer], steps: int) -> list[int]:
    """Bytes live at each step; where there are none, before the end."""
    steps = max(steps, 1)
    change = [0] * (steps + 1)
    for buffer in buffers:
        change[buffer.start] += buffer.size_bytes
        change[buffer.end] -= buffer.size_bytes
    return list(accumulate(change))[:steps]
