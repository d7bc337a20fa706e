"""From a graph to what memory sees of it, and the check of a problem that came from elsewhere."""

from collections.abc import Iterable, Mapping

from costmodel.errors import PlanError
from costmodel.graph.graph import Graph
from costmodel.graph.operators import Reshape
from costmodel.memory.plan import KernelContract, MemoryProblem, Step

ALIGNMENT_BYTES = 4
"""Every buffer starts at a multiple of this: the word-wise kernels load and store 32 bits at once."""


def aligned(size_bytes: int) -> int:
    """`size_bytes` rounded up to the alignment."""
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def problem_of(graph: Graph, contracts: Mapping[str, KernelContract]) -> MemoryProblem:
    """Reduce `graph` to buffers and steps.

    Tensors that are views of each other share one buffer, named after the first of them.

    Args:
        graph: A validated graph, operators in a topological order.
        contracts: What each operator's kernel needs, by operator name; views need none.

    Raises:
        PlanError: An operator has no contract.
    """
    buffer_of = {name: name for name in graph.tensors}
    for operator in graph.operators:
        if isinstance(operator, Reshape):
            buffer_of[operator.output] = buffer_of[operator.inputs[0]]
    sizes: dict[str, int] = {}
    for tensor, buffer in buffer_of.items():
        sizes[buffer] = max(sizes.get(buffer, 0), aligned(graph.tensors[tensor].size_bytes))
    return MemoryProblem(
        sizes_bytes=sizes,
        steps=tuple(
            Step(
                operator.name,
                _unique(buffer_of[name] for name in operator.inputs),
                (buffer_of[operator.output],),
                aligned(_contract(contracts, operator.name).scratch_bytes),
            )
            for operator in graph.operators
            if not isinstance(operator, Reshape)
        ),
        inputs=_unique(buffer_of[name] for name in graph.inputs),
        outputs=_unique(buffer_of[name] for name in graph.outputs),
        buffer_of=buffer_of,
    )


def check_problem(problem: MemoryProblem) -> None:
    """Refuse what is no planning problem.

    Raises:
        PlanError: A name is used twice or unknown, a size is negative, a buffer is written twice or
            never, or a step reads what no earlier step wrote.
    """
    names = [*problem.sizes_bytes, *(scratch_name(step) for step in problem.steps if step.scratch_bytes)]
    _refuse_repeated((step.name for step in problem.steps), "step")
    _refuse_repeated(names, "buffer")
    for where, size in [*problem.sizes_bytes.items(), *((step.name, step.scratch_bytes) for step in problem.steps)]:
        if size < 0:
            raise PlanError(f"size {size} is negative", where=where, fix="Give every size in bytes, 0 or more.")
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
    for name in [*written.symmetric_difference(problem.sizes_bytes), *set(problem.outputs).difference(written)]:
        raise PlanError("is without a size, or is never written", where=name, fix="Give each used buffer a size.")


def scratch_name(step: Step) -> str:
    """The name of the step's working memory among the plan's buffers."""
    return f"{step.name}.scratch"


def _contract(contracts: Mapping[str, KernelContract], operator: str) -> KernelContract:
    if operator not in contracts:
        raise PlanError("has no memory contract", where=operator, fix="Let its kernel declare one.")
    return contracts[operator]


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _refuse_repeated(names: Iterable[str], kind: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise PlanError(f"two of the {kind}s have this name", where=name, fix="Name each once.")
        seen.add(name)
