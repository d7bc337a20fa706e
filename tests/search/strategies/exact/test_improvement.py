"""The scalarisation against exact hypervolume, and the expected improvement against Monte Carlo."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.search.strategies.exact.improvement import (
    draw_direction,
    expected_gain,
    expected_improvement,
    hypervolume_constant,
    scalarize,
)
from sparse_mcu.search.strategies.pareto import hypervolume

FRONTS = (
    np.array([[1.0, 4.0], [2.0, 2.0], [4.0, 1.0]]),
    np.array([[1.0, 4.0, 3.0], [2.0, 2.0, 2.0], [4.0, 1.0, 4.0], [3.0, 3.0, 1.0]]),
    np.array([[1.0, 4.0, 3.0, 2.0], [2.0, 2.0, 4.0, 1.0], [4.0, 1.0, 1.0, 4.0]]),
)


@pytest.mark.parametrize("front", FRONTS)
def test_the_mean_over_directions_is_the_hypervolume(front: np.ndarray) -> None:
    k, rng = front.shape[1], np.random.default_rng(0)
    reference = np.full(k, 5.0)
    lengths = []
    for _ in range(20_000):
        direction = draw_direction(rng, np.ones(k))
        lengths.append(max(scalarize(front, reference, direction).max(), 0.0) ** k)
    mean, error = hypervolume_constant(k) * np.mean(lengths), hypervolume_constant(k) * np.std(lengths) / 20_000**0.5
    exact = hypervolume(front, reference)
    assert abs(mean - exact) < 4 * error
    assert 4 * error < 0.1 * exact


def test_directions_are_unit_vectors_and_follow_preferences() -> None:
    rng = np.random.default_rng(0)
    even = np.stack([draw_direction(rng, np.ones(3)) for _ in range(2000)])
    tilted = np.stack([draw_direction(rng, np.array([4.0, 1.0, 1.0])) for _ in range(2000)])
    assert np.linalg.norm(even, axis=1) == pytest.approx(np.ones(2000))
    assert (even > 0).all()
    assert even.mean(axis=0) == pytest.approx(np.full(3, even.mean()), abs=0.03)
    assert tilted[:, 0].mean() > even[:, 0].mean() + 0.2


@settings(max_examples=25, deadline=None)
@given(
    mean=st.floats(-2, 2),
    deviation=st.floats(0.05, 2),
    cap=st.one_of(st.floats(-2, 3), st.just(float("inf"))),
    best=st.floats(-1, 2),
)
def test_expected_improvement_against_monte_carlo(mean: float, deviation: float, cap: float, best: float) -> None:
    drawn = mean + deviation * np.random.default_rng(0).standard_normal(100_000)
    gains = np.maximum(np.minimum(drawn, cap) - best, 0.0)
    found = expected_improvement(np.array([mean]), np.array([deviation]), np.array([cap]), best)[0]
    assert found == pytest.approx(gains.mean(), abs=5 * gains.std() / 100_000**0.5 + 1e-6)


def test_the_example_of_the_module() -> None:
    one = np.array([1.0])
    assert expected_gain(one, 0.2 * one, 0.9)[0] == pytest.approx(0.1396, abs=5e-5)
    assert expected_gain(one, 0.2 * one, 1.0)[0] == pytest.approx(0.0798, abs=5e-5)
    assert expected_improvement(one, 0.2 * one, one, 0.9)[0] == pytest.approx(0.0598, abs=5e-5)


def test_what_is_certain_gains_exactly() -> None:
    mean, none = np.array([0.2, 0.7, 0.7]), np.zeros(3)
    cap = np.array([9.0, 9.0, 0.6])
    assert expected_improvement(mean, none, cap, 0.5) == pytest.approx([0.0, 0.2, 0.1])
    assert expected_improvement(mean, np.ones(3), np.full(3, 0.4), 0.5) == pytest.approx([0.0, 0.0, 0.0])
