"""How much a planner may spend: CPU time and memory, besides the nodes that each search counts itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

DEFAULT_SECONDS = 30.0
DEFAULT_MEMORY_BYTES = 10**9

_LOOKS = 64
"""So many questions are answered by one look at the clock."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one call of the planner may take. When it is spent, the best plan so far is returned.

    Searches also count nodes. As long as neither of these limits is met, the same problem gives the same plan.

    Attributes:
        seconds: CPU time of this process; None for no limit.
        memory_bytes: What the states of a search may take, as estimated from their number.
    """

    seconds: float | None = None
    memory_bytes: int = DEFAULT_MEMORY_BYTES

    def start(self) -> "Meter":
        """Start the clock."""
        return Meter(self)


@dataclass(slots=True)
class Meter:
    """Says when a budget is spent.

    Attributes:
        budget: The budget.
        clock: CPU seconds.
    """

    budget: Budget = field(default_factory=Budget)
    clock: Callable[[], float] = time.process_time
    _end: float = field(init=False)
    _looks: int = field(init=False, default=0)
    _is_over: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Note when the time is over."""
        self._end = self.clock() + (inf if self.budget.seconds is None else self.budget.seconds)

    def is_over(self) -> bool:
        """Whether the time is over."""
        self._is_over = self._is_over or self.clock() >= self._end
        return self._is_over

    def is_spent(self) -> bool:
        """The same for inner loops: only one of 64 questions looks at the clock."""
        looks, self._looks = self._looks, self._looks + 1
        return self._is_over if looks % _LOOKS else self.is_over()

    def states(self, state_bytes: int) -> int:
        """Return how many states of a search fit into the memory."""
        return self.budget.memory_bytes // state_bytes
