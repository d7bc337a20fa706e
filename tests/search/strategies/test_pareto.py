"""Dominance and hypervolume against brute force."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.search.strategies.pareto import hypervolume, non_dominated

ROWS = st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12)


def dominates(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


@settings(max_examples=100, deadline=None)
@given(rows=ROWS)
def test_non_dominated_against_brute_force(rows: list[tuple[int, ...]]) -> None:
    expected = [not any(dominates(other, row) for other in rows) for row in rows]
    assert non_dominated(np.array(rows, dtype=float)).tolist() == expected


@settings(max_examples=40, deadline=None)
@given(rows=ROWS)
def test_hypervolume_against_counting_cells(rows: list[tuple[int, ...]]) -> None:
    edges = range(6)
    cells = product(pairwise(edges), repeat=3)
    covered = sum(any(all(v <= low for v, (low, _) in zip(r, cell, strict=True)) for r in rows) for cell in cells)
    assert hypervolume(np.array(rows, dtype=float), np.full(3, 5.0)) == pytest.approx(covered)


@pytest.mark.parametrize("objectives", [1, 2, 5, 10])
def test_hypervolume_of_any_number_of_objectives_against_sampling(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    rows, points = rng.random((15, objectives)) ** 2, rng.random((40_000, objectives))
    covered = np.logical_or.reduce([(points >= row).all(axis=1) for row in rows]).mean()
    assert hypervolume(rows, np.ones(objectives)) == pytest.approx(covered, abs=0.01)


def test_the_worked_example() -> None:
    rows = np.array([(1.0, 4.0), (2.0, 2.0), (3.0, 3.0), (4.0, 1.0)])
    assert non_dominated(rows).tolist() == [True, True, False, True]
    assert hypervolume(rows, np.array([5.0, 5.0])) == 11


def test_nothing_inside_the_reference_is_no_volume() -> None:
    assert hypervolume(np.array([[2.0, 0.0]]), np.array([1.0, 1.0])) == 0.0
