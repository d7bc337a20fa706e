"""All orders below a peak, for when the first best one does not place as low as its peak."""

from collections.abc import Iterator

from costmodel.memory.plan import MemoryProblem, Step

MOST_STEPS = 200
"""Longer problems have too many orders to be worth listing."""


def orders_below(problem: MemoryProblem, limit_bytes: int, node_budget: int) -> Iterator[tuple[Step, ...] | None]:
    """Every order whose peak of live bytes is below `limit_bytes`, depth first.

    Args:
        problem: A checked problem.
        limit_bytes: Exclusive.
        node_budget: Steps to try at most, over all orders.

    Yields:
        Orders; None at the end if the budget was spent before all were listed.
    """
    if len(problem.steps) > MOST_STEPS:
        yield None
        return
    walk = _Walk(problem)
    waiting: list[Iterator[int]] = [walk.affordable(limit_bytes)]
    while waiting:
        step = next(waiting[-1], -1)
        if step < 0:
            waiting.pop()
            if waiting:
                walk.back()
            continue
        if node_budget <= 0:
            yield None
            return
        node_budget -= 1
        walk.run(step)
        if len(walk.done) == len(problem.steps):
            yield tuple(problem.steps[index] for index in walk.done)
        waiting.append(walk.affordable(limit_bytes))


class _Walk:
    """A partial order: what is executed, and what is live."""

    def __init__(self, problem: MemoryProblem) -> None:
        self.problem = problem
        self.done: list[int] = []
        self.unread = {name: sum(name in step.inputs for step in problem.steps) for name in problem.sizes_bytes}
        self.written = set(problem.inputs)
        self.kept = set(problem.outputs)

    def affordable(self, limit_bytes: int) -> Iterator[int]:
        """Steps that may run next and stay below the limit."""
        done = set(self.done)
        live = {name for name in self.written if self.unread[name] or name in self.kept or not done}
        for index, step in enumerate(self.problem.steps):
            if index not in done and self.written.issuperset(step.inputs):
                need = sum(self.problem.sizes_bytes[name] for name in live.union(step.outputs)) + step.scratch_bytes
                if need < limit_bytes:
                    yield index

    def run(self, index: int) -> None:
        """Execute a step."""
        self.done.append(index)
        self.written.update(self.problem.steps[index].outputs)
        for name in self.problem.steps[index].inputs:
            self.unread[name] -= 1

    def back(self) -> None:
        """Take the last step back."""
        step = self.problem.steps[self.done.pop()]
        self.written.difference_update(step.outputs)
        for name in step.inputs:
            self.unread[name] += 1
