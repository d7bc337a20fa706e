"""Reduces a graph to its memory problem, and checks problems that come from elsewhere."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from sparse_mcu.costmodel.errors import PlanError
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Add, Operator, Requantize
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers
from sparse_mcu.costmodel.memory.model.plan import KernelContract, MemoryProblem, Part, Step
from sparse_mcu.costmodel.memory.problem.values import Values, able_to_be_views, aligned, values_of

ELEMENTWISE = (Add, Requantize)
"""Operators whose output bytes depend each on the input bytes at the same place only."""


def problem_of(
    graph: Graph,
    contracts: Mapping[str, KernelContract],
    levers: Levers = ALL,
    *,
    executed: Collection[str] = (),
    replacing: Collection[str] = (),
) -> MemoryProblem:
    """Reduce `graph` to buffers and steps.

    Tensors that are views of each other share one buffer, named after the first of them; the inputs of a viewed
    Concat are parts of the buffer named after its output.

    Args:
        graph: A validated graph, operators in a topological order.
        contracts: What each operator's kernel needs, by operator name; views need none.
        levers: What may be done.
        executed: Names of Concats and Slices that stay steps although they could be views.
        replacing: Names of operators whose outputs replace their inputs, if nothing else needs these.

    Raises:
        PlanError: An operator has no contract.
    """
    views = {*viewable(graph, contracts, levers)}.difference(executed)
    values = values_of(graph, contracts, views, replacing)
    sizes: dict[str, int] = {}
    for name, tensor in graph.tensors.items():
        buffer, displacement = values.place(name)
        sizes[buffer] = max(sizes.get(buffer, 0), aligned(displacement + tensor.size_bytes))
    return MemoryProblem(
        sizes_bytes=sizes,
        steps=tuple(
            _step(graph, values, operator, _contract(contracts, values, operator), levers)
            for operator in graph.operators
            if operator.name not in values.views
        ),
        inputs=_written(values, graph.inputs),
        outputs=_written(values, graph.outputs),
        buffer_of={name: values.written(name)[0] for name in graph.tensors},
        parts=values.parts,
        replaced=values.replaced,
        shifts=values.shifts,
        pitches=_read_at_pitches(graph, values),
    )


def viewable(graph: Graph, contracts: Mapping[str, KernelContract], levers: Levers = ALL) -> tuple[str, ...]:
    """Return the names of the Concats and Slices that may be views under `levers`."""
    return able_to_be_views(graph, contracts) if levers.concat_views else ()


def _step(graph: Graph, values: Values, operator: Operator, contract: KernelContract, levers: Levers) -> Step:
    return Step(
        operator.name,
        _written(values, operator.inputs),
        (values.value_of[operator.output],),
        aligned(contract.scratch_bytes),
        _distances(graph, values, operator, contract, levers),
    )


def _distances(
    graph: Graph, values: Values, operator: Operator, contract: KernelContract, levers: Levers
) -> dict[str, int]:
    """Turn the contract's distances between tensors into distances between their buffers."""
    target, shift = values.place(operator.output)
    homes = [values.place(name)[0] for name in operator.inputs]
    distances: dict[str, int] = {}
    for name, distance in contract.safe_distance_bytes.items():
        home, displacement = values.place(name)
        same_size = graph.tensors[name].size_bytes == graph.output_of(operator).size_bytes
        in_place = distance <= 0 and (contract.in_place or (isinstance(operator, ELEMENTWISE) and same_size))
        allowed = levers.in_place if in_place else levers.overlap
        if allowed and home != target and homes.count(home) == 1:
            distances[home] = aligned(distance + shift - displacement)
    return distances


def _read_at_pitches(graph: Graph, values: Values) -> dict[str, int]:
    """Return the pitch of each tensor that a step reads pixel by pixel out of a wider one."""
    read = (name for each in graph.operators if each.name not in values.views for name in each.inputs)
    return {name: values.pitches[name] for name in read if name in values.pitches}


def _written(values: Values, tensors: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for tensor in tensors for value in values.written(tensor)))


def check_problem(problem: MemoryProblem) -> None:
    """Refuse what is no planning problem.

    Raises:
        PlanError: A name is used twice or unknown, a size is negative, a value is written twice or
            never, a step reads what no earlier step wrote, parts share bytes or leave their buffer, or a
            distance is not between a buffer that its step reads and the one that it writes.
    """
    names = [*problem.sizes_bytes, *(scratch_name(step) for step in problem.steps if step.scratch_bytes)]
    _refuse_repeated((step.name for step in problem.steps), "step")
    _refuse_repeated(names, "buffer")
    for where, size in [*problem.sizes_bytes.items(), *((step.name, step.scratch_bytes) for step in problem.steps)]:
        if size < 0:
            raise PlanError(f"size {size} is negative", where=where, fix="Give every size in bytes, 0 or more.")
    _check_order(problem)
    _check_parts(problem)
    _check_replaced(problem)
    for step in problem.steps:
        _check_distances(problem, step)


def _check_order(problem: MemoryProblem) -> None:
    """Refuse steps that read before a write, values written twice or never, and values without a size."""
    written = set(problem.inputs)
    for step in problem.steps:
        for name in step.inputs:
            if name not in written:
                raise PlanError(
                    f"reads {name!r}, which no earlier step writes",
                    where=step.name,
                    fix="List it as an input, or remove the cycle.",
                )
        for name in step.outputs:
            if name in written:
                raise PlanError(f"writes {name!r}, which is already written", where=step.name, fix="Write it once.")
            written.add(name)
    values = (problem.sizes_bytes.keys() - {part.buffer for part in problem.parts.values()}) | problem.parts.keys()
    for name in [*written.symmetric_difference(values), *set(problem.outputs).difference(written)]:
        raise PlanError("is without a size, or is never written", where=name, fix="Give each used buffer a size.")


def _check_parts(problem: MemoryProblem) -> None:
    """Refuse parts that leave their buffer, or share bytes without replacing one another."""
    own = [(name, part) for name, part in problem.parts.items() if name not in problem.replaced]
    by_place = sorted(own, key=lambda entry: (entry[1].buffer, entry[1].displacement_bytes))
    open_: list[tuple[str, Part]] = []  # parts of this buffer that do not end before the next one starts
    for name, part in by_place:
        if not 0 <= part.displacement_bytes <= part.end_bytes <= problem.sizes_bytes.get(part.buffer, -1):
            raise PlanError(f"lies outside {part.buffer!r}", where=name, fix="Keep parts within a buffer.")
        open_ = [
            each for each in open_ if each[1].buffer == part.buffer and each[1].end_bytes > part.displacement_bytes
        ]
        for other, before in open_:
            if not _interlock(before, part):
                raise PlanError(f"shares bytes with {name!r}", where=other, fix="Give each part bytes of its own.")
        open_.append((name, part))


def _check_replaced(problem: MemoryProblem) -> None:
    """Refuse a value that replaces another which someone else than its step still reads."""
    if not problem.replaced:
        return
    writer = {name: step for step in problem.steps for name in step.outputs}
    reads = Counter([name for step in problem.steps for name in step.inputs] + [*problem.outputs])
    for name, before in problem.replaced.items():
        parts = problem.parts.get(name), problem.parts.get(before)
        if parts[0] is None or parts[0] != parts[1]:
            raise PlanError(f"does not lie where {before!r} does", where=name, fix="Make them the same part.")
        if name not in writer or before not in writer[name].inputs or reads[before] != 1:
            raise PlanError(f"is written while {before!r} is needed", where=name, fix="Give it bytes of its own.")


def _interlock(one: Part, other: Part) -> bool:
    """Whether each of two parts lies in the gaps between the runs of the other."""
    if not one.run_bytes or not other.run_bytes or one.pitch_bytes != other.pitch_bytes:
        return False
    gap = (other.displacement_bytes - one.displacement_bytes) % one.pitch_bytes
    return one.run_bytes <= gap <= one.pitch_bytes - other.run_bytes


def _check_distances(problem: MemoryProblem, step: Step) -> None:
    """Refuse distances unless they are from a buffer that the step only reads to the one buffer that it writes."""
    if step.safe_distance_bytes and len(step.outputs) != 1:
        raise PlanError("has distances, but not one output", where=step.name, fix="State them for one output.")
    for name in step.safe_distance_bytes:
        if name not in problem.homes(step.inputs) or name in problem.homes(step.outputs):
            raise PlanError(f"may not overlap {name!r}", where=step.name, fix="Name a buffer that it only reads.")


def scratch_name(step: Step) -> str:
    """Return the name of the step's working memory among the plan's buffers."""
    return f"{step.name}.scratch"


def _contract(contracts: Mapping[str, KernelContract], values: Values, operator: Operator) -> KernelContract:
    """Return what the operator's kernel needs at the pitches of its tensors."""
    if operator.name not in contracts:
        raise PlanError("has no memory contract", where=operator.name, fix="Let its kernel declare one.")
    contract, tensors = contracts[operator.name], (*operator.inputs, operator.output)
    pitches = {name: values.pitches[name] for name in tensors if name in values.pitches}
    if pitches and contract.at_pitches is None:
        return replace(contract, safe_distance_bytes={})
    return contract.at_pitches(pitches) if pitches and contract.at_pitches else contract


def _refuse_repeated(names: Iterable[str], kind: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise PlanError(f"two of the {kind}s have this name", where=name, fix="Name each once.")
        seen.add(name)
