"""Rows of a table that nobody trained: errors fall with the size of a network, and differ between seeds."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from sparse_mcu.benchmarks.tabular import surrogate
from sparse_mcu.benchmarks.tabular.pool import LIMITS
from sparse_mcu.benchmarks.tabular.rows import BOARDS, SHARES, Costs, Row
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.space.task import Task

MakeRow = Callable[[Configuration, int], Row]


def make_row(configuration: Configuration, seed: int) -> Row:
    """A row with a made-up error."""
    architecture = build_architecture(configuration, Task((1, 8, 8), 10))
    odds = 3.0 - 0.6 * np.log(architecture.macs) + 0.1 * np.random.default_rng(seed).standard_normal()
    early = [1 / (1 + np.exp(-odds - 1 + share)) for share in SHARES]
    size = architecture.weights
    costs = Costs(arena_bytes=size, ram_bytes=300 + size, flash_bytes=2000 + size, stored_bytes=size, cycles=9 * size)
    return Row(
        network=describe(configuration),
        seed=seed,
        early_errors=tuple(round(float(each), 3) for each in early),
        float_error=round(float(1 / (1 + np.exp(-odds))), 3),
        error=round(float(1 / (1 + np.exp(-odds))), 3),
        seconds=1.0,
        weights=size,
        macs=architecture.macs,
        costs=(costs,) * len(BOARDS),
    )


@pytest.fixture(name="make_row", scope="session")
def _make_row() -> MakeRow:
    return make_row


@pytest.fixture(scope="session")
def small_space() -> Space:
    """The space of a table, for images of 8x8."""
    return Space(Task((1, 8, 8), 10), LIMITS)


@pytest.fixture(scope="session")
def rows(small_space: Space) -> list[Row]:
    """150 rows; every fifth network has three of them."""
    rng = np.random.default_rng(0)
    networks = list(dict.fromkeys(small_space.sample(rng) for _ in range(110)))[:100]
    trained = [(network, seed) for index, network in enumerate(networks) for seed in range(3 if index % 5 == 0 else 1)]
    return [make_row(network, 1000 * seed + index) for index, (network, seed) in enumerate(trained)]


@pytest.fixture(scope="module")
def small_models() -> Iterator[None]:
    """Models of a table that are fitted at once; the exhaustive checks fit the usual ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surrogate, "TREES", 40)
        patch.setattr(surrogate, "ROUNDS", 40)
        yield
