"""Finds outputs that may take the exact place of their inputs ("replacing").

Some kernels may write exactly over what they read, but not a few bytes beside it. A safe distance cannot say that. So
an output that is as large as its input becomes a value of its own inside the input's buffer. This keeps no more bytes
live. But it ties two places together, which can make the placement worse, so it is a choice.

Example: x of 100 bytes is replaced by y, and y by z. All three are parts of one buffer of 100 bytes, which lives from
the step that writes x to the last step that reads z.
"""

from collections.abc import Mapping
from dataclasses import replace

from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.costmodel.memory.model.plan import KernelContract, MemoryPlan, MemoryProblem, Step


def replacing_operators(contracts: Mapping[str, KernelContract], levers: Levers) -> frozenset[str]:
    """Return the names of the operators whose kernels may replace, if `levers` allow it."""
    return frozenset(name for name, contract in contracts.items() if levers.in_place and contract.in_place)


def anywhere(contracts: Mapping[str, KernelContract], problem: MemoryProblem) -> dict[str, KernelContract]:
    """Loosen contracts for a lower bound: what is replaced in `problem` may be overlapped in any way.

    Every real plan obeys these contracts too, so a bound under them is a bound for all.
    """
    steps = [step for step in problem.steps if not problem.replaced.keys().isdisjoint(step.outputs)]
    return {**contracts, **{step.name: _over(step, contracts[step.name]) for step in steps}}


def replacing_in(plan: MemoryPlan, problem: MemoryProblem) -> frozenset[str]:
    """Find the operators that could replace their inputs and did so by chance in a plan for loosened contracts."""
    at = plan.offset_of_tensor
    found = {value for value, before in problem.replaced.items() if at[value] == at[before]}
    return frozenset(step.name for step in problem.steps if not found.isdisjoint(step.outputs))


def _over(step: Step, contract: KernelContract) -> KernelContract:
    (source,) = step.inputs
    distance = min(0, contract.safe_distance_bytes.get(source, 0))
    return replace(contract, safe_distance_bytes={**contract.safe_distance_bytes, source: distance})
