"""What enters a table: at first anything small, then relatives of good networks, and some networks again."""

from collections.abc import Callable

import numpy as np
import pytest

from sparse_mcu.benchmarks.tabular.pool import BOUNDS, LIMITS, REPEATED, Pool
from sparse_mcu.benchmarks.tabular.rows import Row
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.search.evaluation.pricing import Pricer
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.task import Task
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import DEFAULTS

MakeRow = Callable[[Configuration, int], Row]
TASK = Task((1, 8, 8), 10)


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool(TASK, random=8, random_share=0.0)


@pytest.fixture(scope="module")
def drawn(pool: Pool, make_row: MakeRow) -> list[Row]:
    rows: list[Row] = []
    while len(rows) < 24:
        rows.append(make_row(pool.next(rows), len(rows)))
    return rows


def test_networks_are_new_but_every_eighth(drawn: list[Row]) -> None:
    for index, row in enumerate(drawn):
        earlier = {each.network for each in drawn[:index]}
        assert (row.network in earlier) == (index % REPEATED == REPEATED - 1)


def test_networks_are_small_and_in_the_space(drawn: list[Row]) -> None:
    space = Space(TASK, LIMITS)
    pricer = Pricer(TASK, Target(load_board("microbit")), DEFAULTS)
    for row in drawn:
        assert space.admits(row.configuration)
        assert BOUNDS.allow(pricer.price(row.configuration).objectives)


def test_the_same_rows_give_the_same_network(pool: Pool, drawn: list[Row]) -> None:
    for index in (3, 15, 20):
        assert describe(Pool(TASK, random=8, random_share=0.0).next(drawn[:index])) == drawn[index].network
    assert pool.next(drawn[:20]) != pool.next(drawn[:21])


def test_later_networks_come_from_good_ones(pool: Pool, make_row: MakeRow) -> None:
    """If one network is far better than all others, the next ones are its relatives."""
    rng = np.random.default_rng(5)
    space = Space(TASK, LIMITS)
    rows = [make_row(space.sample(rng), seed) for seed in range(8)]
    good = rows[3].model_copy(update={"error": 0.001, "costs": tuple(_tiny(cost) for cost in rows[3].costs)})
    found = [pool.next([*rows, *[good] * (8 + more)]) for more in range(7)]
    near = [_common(each, good.configuration) for each in found]
    far = [_common(space.sample(rng), good.configuration) for _ in range(20)]
    assert np.mean(near) > np.mean(far) + 1


def _tiny(cost: object) -> object:
    return cost.model_copy(update={"ram_bytes": 10, "flash_bytes": 10, "cycles": 10})  # type: ignore[attr-defined]


def _common(one: Configuration, other: Configuration) -> int:
    """How many parts two networks have in common."""
    pairs = sum(mine == theirs for mine, theirs in zip(one.blocks, other.blocks, strict=False))
    plain = ("input_pooling", "head", "hidden", "augmentation")
    return pairs + sum(getattr(one, name) == getattr(other, name) for name in plain)
