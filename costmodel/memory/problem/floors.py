"""Computes a floor: bytes that every plan of a graph needs, whichever of its Concats and Slices are views.

Example: a Concat joins a (8 bytes) and b (12 bytes) to y (20 bytes), and "to a" reads x (16 bytes). As a step, the
Concat needs a, b and y: 40 bytes. As a view, "to a" writes into y while x is live: 20 + 16 = 36 bytes. One of the two
is the case in every plan, so 36 is a floor.
"""

from collections.abc import Collection, Iterable, Mapping

from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Step
from sparse_mcu.costmodel.memory.problem.lifetimes import shared_bytes


def floor_of_choices(viewed: MemoryProblem, executed: MemoryProblem, able: Collection[str]) -> int:
    """Return the most bytes that one step needs in every choice of views.

    Three kinds of operators are looked at:

    - A step whose buffers no Concat or Slice touches needs its inputs, its output and its scratch, less what its
      distances let it share.
    - A step whose buffers may be part of something else needs at least the larger of its largest input and its output,
      and its scratch.
    - A Concat that is independent (it contains no other Concat, lies in none, and shares no input with one) costs the
      smaller of what it needs as a step and as a view.

    Args:
        viewed: The problem with as many Concats and Slices as views as possible.
        executed: The problem with all of them as steps.
        able: Names of those that can be views.

    Returns:
        The floor in bytes.
    """
    steps = [step for step in viewed.steps if step.name not in able]
    alone = {step.name: step for step in executed.steps}
    contested = {name for step in viewed.steps if step.name in able for name in (*step.inputs, *step.outputs)}
    movable = contested | viewed.parts.keys()  # what is inside something else in one choice or another
    joins = [
        step for step in executed.steps if step.name in able and contested.isdisjoint((*step.inputs, *step.outputs))
    ]
    return max(
        _size(viewed, viewed.inputs),
        _largest(executed, executed.outputs) if viewed.shifts or contested else _size(viewed, viewed.outputs),
        *(_need_of_step(viewed, step, executed, alone[step.name], movable) for step in steps),
        *(min(_need(executed, join), _need_of_view(viewed, join, alone, movable)) for join in joins),
    )


def _need_of_step(
    viewed: MemoryProblem, step: Step, executed: MemoryProblem, alone: Step, movable: Collection[str]
) -> int:
    """Return what a step needs in every choice."""
    if step.inputs == alone.inputs and not any(name in movable for name in (*step.inputs, *step.outputs)):
        return _need(viewed, step)
    scratch = min(step.scratch_bytes, alone.scratch_bytes)
    return max(_largest(executed, alone.inputs), _size(viewed, step.outputs)) + scratch


def _need_of_view(viewed: MemoryProblem, join: Step, alone: Mapping[str, Step], movable: Collection[str]) -> int:
    """Return what a Concat costs as a view: each writer of its inputs then needs the whole output.

    A writer that reads out of another view does not count, because it may read something smaller if that other view is
    executed. The result is 0 if the Concat's inputs do not lie directly in its output.
    """
    (wide,) = join.outputs
    if any(viewed.home(name) != wide for name in join.inputs):
        return 0
    writers = [step for step in viewed.steps if not {*step.outputs}.isdisjoint(join.inputs)]
    whole = [step for step in writers if step.inputs == alone[step.name].inputs]
    apart = [step for step in whole if not any(name in movable for name in step.inputs)]
    return max((_need(viewed, step) for step in apart), default=0)


def _need(problem: MemoryProblem, step: Step) -> int:
    """Return what a step needs: all of its buffers and its scratch, less the bytes that may overlap."""
    sizes = problem.sizes_bytes
    written = sum(sizes[name] for name in problem.homes(step.outputs))
    dying = [(distance, sizes[name]) for name, distance in step.safe_distance_bytes.items()]
    saved = shared_bytes(written, dying) if dying else 0
    return sum(sizes[name] for name in problem.homes((*step.inputs, *step.outputs))) + step.scratch_bytes - saved


def _largest(problem: MemoryProblem, values: Iterable[str]) -> int:
    """Return the bytes of the largest value only, because as views several values may be the same bytes."""
    return max((_size(problem, [name]) for name in values), default=0)


def _size(problem: MemoryProblem, values: Iterable[str]) -> int:
    """Sum the bytes of values; a part counts with its own bytes, not with those of its buffer."""
    parts = problem.parts
    return sum(parts[name].size_bytes if name in parts else problem.sizes_bytes[name] for name in values)
