"""Lists all orders below a peak, for the case that the best order cannot be placed as low as its peak."""

from collections.abc import Iterator

from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Step
from sparse_mcu.costmodel.memory.order.dag import whole

MOST_STEPS = 200
"""Longer problems have too many orders to be worth listing."""


def orders_below(problem: MemoryProblem, limit_bytes: int, node_budget: int) -> Iterator[tuple[Step, ...] | None]:
    """Yield every order whose peak of live bytes is below `limit_bytes`, depth first.

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
    """The beginning of an order: the executed steps, and the bytes live after each of them."""

    def __init__(self, problem: MemoryProblem) -> None:
        self.dag = whole(problem)
        self.done: list[int] = []
        self.executed = 0
        self.live = [self.dag.held]

    def affordable(self, limit_bytes: int) -> Iterator[int]:
        """Yield the steps that may run next and stay below the limit."""
        live = self.live[-1] if self.done else self.live[-1] + self.dag.unread
        for step, before in enumerate(self.dag.predecessors):
            is_ready = not self.executed >> step & 1 and not before & ~self.executed
            if is_ready and live + self.dag.claim(step, self.executed) < limit_bytes:
                yield step

    def run(self, step: int) -> None:
        """Execute a step."""
        self.done.append(step)
        self.executed |= 1 << step
        self.live.append(self.live[-1] + self.dag.growth(step, self.executed))

    def back(self) -> None:
        """Take the last step back."""
        self.executed &= ~(1 << self.done.pop())
        self.live.pop()
