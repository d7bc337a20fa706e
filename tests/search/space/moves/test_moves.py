"""Neighbours are valid, different, and one move away."""

import numpy as np
import pytest

from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.moves import MOVES, Move, neighbours
from sparse_mcu.search.space.space import Space


def test_neighbours_are_admitted_different_and_round_trip(space: Space) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        center = space.sample(rng)
        found = neighbours(center, space, rng, 6)
        assert len(set(found)) == len(found) == 6
        assert center not in found
        assert all(space.admits(neighbour) for neighbour in found)
        assert all(Configuration.model_validate_json(n.model_dump_json()) == n for n in found)


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
def test_every_move_changes_something_valid(move: Move, space: Space) -> None:
    rng = np.random.default_rng(0)
    centers = [space.sample(rng) for _ in range(50)]
    moved = [(center, move(center, space.limits, rng)) for center in centers]
    changed = [new for old, new in moved if new is not None and new != old and space.admits(new)]
    assert len(changed) >= 5


def test_the_same_generator_gives_the_same_neighbours(space: Space) -> None:
    center = space.sample(np.random.default_rng(1))
    first, second = (neighbours(center, space, np.random.default_rng(2), 5) for _ in range(2))
    assert first == second
