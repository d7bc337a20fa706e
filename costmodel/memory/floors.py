"""Bytes below which no plan of a graph can stay, whichever of its Concats and Slices are views."""

from collections.abc import Collection, Iterable, Mapping

from costmodel.memory.lifetimes import shared_bytes
from costmodel.memory.plan import MemoryProblem, Step


def floor_of_choices(viewed: MemoryProblem, executed: MemoryProblem, able: Collection[str]) -> int:
    """The most that one step needs in every choice: distinct values have distinct bytes while a step needs them.

    A step that no Concat or Slice touches overlaps as far as its distances allow; of the others the larger side
    remains. A Concat that neither contains another nor lies in one costs what it needs as a step or as a view.

    Args:
        viewed: The problem with as many Concats and Slices as views as possible.
        executed: The problem with all of them as steps.
        able: Names of those that can be views.
    """
    steps = [step for step in viewed.steps if step.name not in able]
    alone = {step.name: step for step in executed.steps}
    joins = [step for step in executed.steps if step.name in able]
    is_merged = not viewed.shifts and len(steps) == len(viewed.steps)  # else other choices may merge other outputs
    return max(
        _size(viewed, viewed.inputs),
        _size(viewed, viewed.outputs) if is_merged else _largest(executed, executed.outputs),
        *(_need_of_step(viewed, step, executed, alone[step.name]) for step in steps),
        *(min(_need(executed, join), _need_of_view(viewed, join, alone)) for join in joins),
    )


def _need_of_step(viewed: MemoryProblem, step: Step, executed: MemoryProblem, alone: Step) -> int:
    """In any choice."""
    if step.inputs == alone.inputs and viewed.parts.keys().isdisjoint((*step.inputs, *step.outputs)):
        return _need(viewed, step)
    return max(_largest(executed, alone.inputs), _size(viewed, step.outputs)) + step.scratch_bytes


def _need_of_view(viewed: MemoryProblem, join: Step, alone: Mapping[str, Step]) -> int:
    """What the writers of a viewed Concat's inputs need, each with all of its output; 0 if that is not so simple.

    A writer that reads from a view may read something smaller where that is executed: it does not count.
    """
    (wide,) = join.outputs
    if any(viewed.home(name) != wide for name in join.inputs):
        return 0
    writers = [step for step in viewed.steps if not {*step.outputs}.isdisjoint(join.inputs)]
    whole = [step for step in writers if step.inputs == alone[step.name].inputs]
    return max((_need(viewed, step) for step in whole if viewed.parts.keys().isdisjoint(step.inputs)), default=0)


def _need(problem: MemoryProblem, step: Step) -> int:
    """Its own buffers, whole, as far as they cannot overlap."""
    sizes = problem.sizes_bytes
    written = sum(sizes[name] for name in problem.homes(step.outputs))
    dying = [(distance, sizes[name]) for name, distance in step.safe_distance_bytes.items()]
    saved = shared_bytes(written, dying) if dying else 0
    return sum(sizes[name] for name in problem.homes((*step.inputs, *step.outputs))) + step.scratch_bytes - saved


def _largest(problem: MemoryProblem, values: Iterable[str]) -> int:
    """Bytes of one of the values: as views, several may be the same bytes."""
    return max((_size(problem, [name]) for name in values), default=0)


def _size(problem: MemoryProblem, values: Iterable[str]) -> int:
    """Bytes of values, of a part only its own."""
    parts = problem.parts
    return sum(parts[name].size_bytes if name in parts else problem.sizes_bytes[name] for name in values)
