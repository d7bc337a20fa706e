"""The plan of attack of the exact search: which goal it tries next, with which ranking, for how many nodes.

The attempts come in rounds, one attempt for each ranking of the buffers. Example: 40 buffers, lowest possible height
1000, best height so far 1400.

- Round 0 tries 1000 with the plain rankings, 4 x 40 nodes each.
- Rounds 1, 2, 3 step down: they try 1400 - 400 / 4 = 1300 with shaken rankings, 2 x 40 nodes each. If 1300 is found,
  the next goal is 1300 - 300 / 4 = 1225. After 64 failures in a row the step is an eighth of the gap.
- Round 4 tries 1000 again, with 2 x 40 x luby(2) nodes; rounds 5, 6, 7 step down; round 8 tries 1000 with luby(3).

If the caller gives a target above the bound, only rounds 1, 5, 9, ... step down. The others aim at the target itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Protocol

from sparse_mcu.costmodel.memory.placement.greedy import ranked
from sparse_mcu.costmodel.memory.placement.instance import Instance
from sparse_mcu.costmodel.memory.placement.params import PlacementParams

FIRST_LOOK_NODES = 4
"""Nodes of an attempt in round 0, for each buffer."""

RESTART_NODES = 2
"""Nodes of a later attempt, for each buffer; growing budgets are multiples of it."""

ROUNDS_PER_CYCLE = 4
"""One round of a cycle aims at the lowest height, the others may step down."""

STEP_SHIFT = 2
"""A step down goes 1 / 2**2, a quarter, of the way to the lowest height."""

PATIENCE = 64
"""Failed steps in a row after which the step is halved."""

PROMISING = 3
"""How many rankings, the first ones, are used after round 0."""

JITTER = 0.2
"""Width of the interval, around 1, from which the factors that shake a ranking are drawn."""


class Gap(Protocol):
    """How far a packer has come, in units; it changes between two attempts."""

    @property
    def height(self) -> int:
        """Height of the best placement so far."""

    @property
    def lowest(self) -> int:
        """No height below it is possible, or none below it is wanted."""

    @property
    def is_target(self) -> bool:
        """Whether `lowest` is the caller's target, above what is known to be impossible."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the exact search.

    Attributes:
        goal: Height to stay within, in units.
        nodes: Placements to try at most.
        order: The buffers, the most urgent first.
        memory: Which memory of failures to use.
        is_step: Whether the goal is a step down from the best height, and not the lowest height itself.
    """

    goal: int
    nodes: int
    order: list[int]
    memory: int
    is_step: bool


class Schedule:
    """Attempts without end.

    Attributes:
        failed_steps: Steps down that ran out of nodes since the last success; the packer counts them.
    """

    def __init__(self, instance: Instance, rankings: Sequence[Sequence[float]], params: PlacementParams) -> None:
        self.instance, self.rankings, self.params = instance, rankings, params
        self.failed_steps = 0
        self._chance = Random(0)  # noqa: S311 - no secret

    @property
    def memories(self) -> int:
        """Memories of failures: for each ranking one at the lowest height, and one for steps down."""
        return 2 * len(self.rankings)

    def attempts(self, gap: Gap) -> Iterator[Attempt]:
        """Yield attempts; each reads `gap` when it is asked for."""
        for number in count():
            for ranking in self._rankings_in(number):
                order = ranked(self.instance, self._shaken(ranking, number))
                is_step = self._steps_down(number, gap)
                yield Attempt(
                    goal=gap.height - self._step(gap) if is_step else gap.lowest,
                    nodes=self._share(number, is_step=is_step) * len(order),
                    order=order,
                    memory=ranking + (len(self.rankings) if is_step else 0),
                    is_step=is_step,
                )

    def _rankings_in(self, number: int) -> range:
        """Use all rankings in round 0, later the promising ones; with overlaps any ranking is promising."""
        narrows = number > 0 and self.params.promising_rankings and not any(self.instance.shared)
        return range(min(PROMISING, len(self.rankings)) if narrows else len(self.rankings))

    def _shaken(self, ranking: int, number: int) -> list[float]:
        """Multiply each priority of a ranking by a random factor near 1; round 0 leaves them as they are."""
        width = JITTER if number > 0 and self.params.jitter else 0.0
        return [priority * (1 + width * (self._chance.random() - 0.5)) for priority in self.rankings[ranking]]

    def _steps_down(self, number: int, gap: Gap) -> bool:
        """Whether a round steps down: all but one of a cycle do; with a target, only one does."""
        last = 1 if gap.is_target else ROUNDS_PER_CYCLE - 1
        return self.params.steps_down and 1 <= number % ROUNDS_PER_CYCLE <= last

    def _step(self, gap: Gap) -> int:
        """Go a quarter of the way down, an eighth after 64 failures in a row, and so on; at least one unit."""
        halvings = self.failed_steps // PATIENCE if self.params.patience else 0
        return max(1, (gap.height - gap.lowest) >> (STEP_SHIFT + halvings))

    def _share(self, number: int, *, is_step: bool) -> int:
        """Return the nodes of an attempt for each buffer."""
        if number == 0:
            return FIRST_LOOK_NODES
        if is_step or not self.params.growing_budgets:
            return RESTART_NODES
        return RESTART_NODES * luby(number // ROUNDS_PER_CYCLE + 1)


def luby(index: int) -> int:
    """Return a number of the sequence 1, 1, 2, 1, 1, 2, 4, ...

    Restarts with such budgets take at most a logarithmic factor longer than with the best fixed budget, which nobody
    knows in advance (Luby et al., Information Processing Letters 47, 1993).

    Args:
        index: From 1 up.
    """
    while True:
        power = 1 << (index.bit_length() - 1)
        if index == 2 * power - 1:
            return power
        index -= power - 1
