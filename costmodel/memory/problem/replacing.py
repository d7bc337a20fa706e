"""Which outputs take the places of their inputs, where a kernel may write exactly over what it reads.

It may lie there and nowhere near it, so such an output, if it is as large, becomes a value of its own in the input's
buffer. That keeps no more bytes live, but it ties the two places together: it is a choice.
"""

from collections.abc import Mapping
from dataclasses import replace

from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.costmodel.memory.model.plan import KernelContract, MemoryPlan, MemoryProblem, Step


def replacing_operators(contracts: Mapping[str, KernelContract], levers: Levers) -> frozenset[str]:
    """Names of the operators whose kernels and `levers` allow that."""
    return frozenset(name for name, contract in contracts.items() if levers.in_place and contract.in_place)


def anywhere(contracts: Mapping[str, KernelContract], problem: MemoryProblem) -> dict[str, KernelContract]:
    """Contracts as if what is replaced in `problem` might be overlapped in any way: what that needs, any way needs."""
    steps = [step for step in problem.steps if not problem.replaced.keys().isdisjoint(step.outputs)]
    return {**contracts, **{step.name: _over(step, contracts[step.name]) for step in steps}}


def replacing_in(plan: MemoryPlan, problem: MemoryProblem) -> frozenset[str]:
    """Of the operators that replace their inputs in `problem`, those that do in a plan for contracts of `anywhere`."""
    at = plan.offset_of_tensor
    found = {value for value, before in problem.replaced.items() if at[value] == at[before]}
    return frozenset(step.name for step in problem.steps if not found.isdisjoint(step.outputs))


def _over(step: Step, contract: KernelContract) -> KernelContract:
    (source,) = step.inputs
    distance = min(0, contract.safe_distance_bytes.get(source, 0))
    return replace(contract, safe_distance_bytes={**contract.safe_distance_bytes, source: distance})
