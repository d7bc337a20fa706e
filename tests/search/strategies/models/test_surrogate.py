"""The Gaussian process: agrees with what it saw, generalises, and repeats itself."""

import numpy as np
import pytest

from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.strategies.models.encoding import encode
from sparse_mcu.search.strategies.models.surrogate import GaussianProcesses

Data = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def data(space: Space) -> Data:
    """Sixty points, and as objectives the size of a network and a constant."""
    rng = np.random.default_rng(0)
    samples = [space.sample(rng) for _ in range(60)]
    sizes = np.log([build_architecture(sample, space.task).weights + 1000.0 for sample in samples])
    return np.stack([encode(sample, space) for sample in samples]), np.stack([sizes, np.full(60, 3.0)], axis=1)


def test_a_draw_agrees_with_the_observations_and_generalises(data: Data) -> None:
    points, values = data
    draw = GaussianProcesses(points[:25], values[:25]).sample(points, seed=1, boldness=0.3)
    assert draw[:25] == pytest.approx(values[:25], abs=0.15)
    assert np.corrcoef(draw[25:, 0], values[25:, 0])[0, 1] > 0.9
    assert draw[:, 1].tolist() == [3.0] * 60


def test_draws_repeat_by_seed(data: Data) -> None:
    points, values = data
    draws = [GaussianProcesses(points[:8], values[:8]).sample(points, seed) for seed in (1, 1, 2)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_repeated_points_do_no_harm(data: Data) -> None:
    points, values = data
    twice = np.concatenate([points[:4], points[:4]])
    draw = GaussianProcesses(twice, np.concatenate([values[:4], values[:4]])).sample(twice, 0)
    assert np.isfinite(draw).all()
