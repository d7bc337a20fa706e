"""Bytes below which no plan of a graph can stay, whichever of its Concats and Slices are views."""

from collections.abc import Collection, Iterable, Mapping

from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Step
from sparse_mcu.costmodel.memory.problem.lifetimes import shared_bytes


def floor_of_choices(viewed: MemoryProblem, executed: MemoryProblem, able: Collection[str]) -> int:
    """The most that one step needs in every choice: distinct values have distinct bytes while a step needs them.

    A step that no Concat or Slice touches overlaps as far as its distances allow; of the others the larger side
    remains. A Concat that neither contains another nor lies in one, and whose inputs no other wants, costs what it
    needs as a step or as a view.

    Args:
        viewed: The problem with as many Concats and Slices as views as possible.
        executed: The problem with all of them as steps.
        able: Names of those that can be views.
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
    """In any choice."""
    if step.inputs == alone.inputs and not any(name in movable for name in (*step.inputs, *step.outputs)):
        return _need(viewed, step)
    scratch = min(step.scratch_bytes, alone.scratch_bytes)
    return max(_largest(executed, alone.inputs), _size(viewed, step.outputs)) + scratch


def _need_of_view(viewed: MemoryProblem, join: Step, alone: Mapping[str, Step], movable: Collection[str]) -> int:
    """What the writers of a viewed Concat's inputs need, each with all of its output; 0 if that is not so simple.

    A writer that reads out of a view does not count: it may read something smaller where that is executed.
    """
    (wide,) = join.outputs
    if any(viewed.home(name) != wide for name in join.inputs):
        return 0
    writers = [step for step in viewed.steps if not {*step.outputs}.isdisjoint(join.inputs)]
    whole = [step for step in writers if step.inputs == alone[step.name].inputs]
    apart = [step for step in whole if not any(name in movable for name in step.inputs)]
    return max((_need(viewed, step) for step in apart), default=0)


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
