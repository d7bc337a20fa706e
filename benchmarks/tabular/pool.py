"""Decides which networks enter the table, one after another.

The first ones are random. Then most are one to three moves away from a network that is good at some ratio of error,
RAM, flash and latency: the best of a random half of the rows in a random direction. So most rows lie near good fronts,
where strategies differ, and others tell what is bad. Every eighth row trains an earlier network again with another
seed, which tells the noise.

What comes next follows from the number of the row and the rows before it. So a table can be continued.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparse_mcu.benchmarks.tabular.rows import BOARDS, Row
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import ERROR_FLOOR
from sparse_mcu.search.evaluation.pricing import Pricer
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.moves import neighbours
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.task import Task
from sparse_mcu.search.strategies.exact.improvement import draw_direction
from sparse_mcu.search.strategies.pareto import Array
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import DEFAULTS

LIMITS = Limits(max_macs=120_000, max_weights=12_000, prunings=(), levers=(), recomputes=())
"""The default space without large networks, which train for long, without pruning, which takes ten times as long, and
without the planner's levers, on which no error depends."""

BOUNDS = Bounds({"ram_bytes": 4096, "flash_bytes": 16384})
"""The largest networks of the table, on the first of BOARDS, as their plans predict it."""

REPEATED = 8
"""Every row of so many is a repetition."""

_SEED = 1907
_MOST_MOVES = 3


@dataclass(frozen=True)
class Pool:
    """The networks of a table.

    Attributes:
        task: The shape of the images and the number of classes.
        random: The number of rows that are random at first.
        random_share: The share of random rows after them.
    """

    task: Task
    random: int = 250
    random_share: float = 0.2

    @cached_property
    def space(self) -> Space:
        """Returns the space of the networks."""
        return Space(self.task, LIMITS)

    def next(self, rows: Sequence[Row]) -> Configuration:
        """Returns the configuration that the next row trains. Its seed is the number of the row."""
        rng = np.random.default_rng([_SEED, len(rows)])
        if rows and len(rows) % REPEATED == REPEATED - 1:
            return rows[int(rng.integers(len(rows)))].configuration
        taken = {row.network for row in rows}
        while True:
            is_random = len(rows) < self.random or rng.random() < self.random_share
            drawn = self.space.sample(rng) if is_random else self._child(rows, rng)
            if drawn is not None and describe(drawn) not in taken and self._is_small(drawn):
                return drawn

    def _child(self, rows: Sequence[Row], rng: np.random.Generator) -> Configuration | None:
        """Returns a network a few moves away from one that is good in a random direction."""
        some = rng.choice(len(rows), size=max(1, len(rows) // 2), replace=False)
        values = _logs([rows[row] for row in some])
        scaled = (values.max(axis=0) - values) / (np.ptp(values, axis=0) + 1e-9)
        lengths = (scaled / draw_direction(rng, np.ones(values.shape[1]))).min(axis=1)
        network = rows[int(some[lengths.argmax()])].configuration
        for _ in range(rng.integers(1, _MOST_MOVES + 1)):
            found = neighbours(network, self.space, rng, 1)
            if not found:
                return None
            network = found[0]
        return network

    def _is_small(self, configuration: Configuration) -> bool:
        if self._pricer.price(configuration, "shape").exceeded(BOUNDS):
            return False
        costs = self._pricer.price(configuration, "plan").objectives
        return BOUNDS.allow(costs)

    @cached_property
    def _pricer(self) -> Pricer:
        return Pricer(self.task, Target(load_board(BOARDS[0])), DEFAULTS)


def _logs(rows: Sequence[Row]) -> Array:
    """Returns error, RAM, flash and cycles of rows on logarithmic scales [n, 4]."""
    costs = [row.costs[0] for row in rows]
    return np.log(
        [
            (row.error + ERROR_FLOOR, cost.ram_bytes, cost.flash_bytes, cost.cycles)
            for row, cost in zip(rows, costs, strict=True)
        ]
    )
