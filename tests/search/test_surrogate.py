"""The Gaussian process: agrees with what it saw, generalises, and repeats itself."""

import numpy as np
import pytest

from search.encoding import encode
from search.space import Space, build_architecture
from search.surrogate import GaussianProcess


@pytest.fixture(scope="module")
def data(space: Space) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    samples = [space.sample(rng) for _ in range(60)]
    sizes = [build_architecture(sample, space.task).weights for sample in samples]
    return np.stack([encode(sample, space) for sample in samples]), np.log(np.array(sizes) + 1000.0)


def test_a_draw_agrees_with_the_observations_and_generalises(data: tuple[np.ndarray, np.ndarray]) -> None:
    points, values = data
    draw = GaussianProcess(points[:25], values[:25]).sample(points, seed=1)
    assert draw[:25] == pytest.approx(values[:25], abs=0.15)
    assert np.corrcoef(draw[25:], values[25:])[0, 1] > 0.9


def test_draws_repeat_by_seed(data: tuple[np.ndarray, np.ndarray]) -> None:
    points, values = data
    draws = [GaussianProcess(points[:10], values[:10]).sample(points, seed) for seed in (1, 1, 2)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_a_constant_objective_is_itself(data: tuple[np.ndarray, np.ndarray]) -> None:
    points, _ = data
    assert GaussianProcess(points[:5], np.full(5, 3.0)).sample(points, 0).tolist() == [3.0] * len(points)


def test_repeated_points_do_no_harm(data: tuple[np.ndarray, np.ndarray]) -> None:
    points, values = data
    twice = np.concatenate([points[:4], points[:4]])
    draw = GaussianProcess(twice, np.concatenate([values[:4], values[:4]])).sample(twice, 0)
    assert np.isfinite(draw).all()
