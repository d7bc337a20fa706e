"""The fit of a Gaussian process minimises what gpytorch says it minimises, and its gradient is right."""

import numpy as np
import pytest
from scipy.optimize import minimize
from threadpoolctl import threadpool_info

from sparse_mcu.search.strategies.models import fitting
from sparse_mcu.search.strategies.models.fitting import (
    CHOICES_SCALE,
    DERIVED_SCALE,
    NOISE,
    SLOPE,
    Hyperparameters,
    fit_hyperparameters,
    lengthscale_belief,
    objective,
)
from sparse_mcu.search.strategies.models.surrogate import GaussianProcess

DERIVED = 3
POINTS = np.random.default_rng(0).random((30, 8))
VALUES = np.sin(3 * POINTS[:, -1]) + 0.3 * POINTS[:, 0] + 0.05 * np.random.default_rng(1).standard_normal(30)
VALUES = (VALUES - VALUES.mean()) / VALUES.std(ddof=1)
KNOWN = np.full(30, 0.01)


def logs_of(found: Hyperparameters) -> np.ndarray:
    scales = [found.choices_lengthscale, found.derived_scale, found.choices_scale]
    rest = [each for each in (found.slope, found.noise) if each is not None]
    return np.array([found.mean, *np.log([*found.derived_lengthscales, *scales, *rest])])


@pytest.mark.parametrize("noise", [KNOWN, None], ids=["known", "fitted"])
def test_the_gradient_is_that_of_the_loss(noise: np.ndarray | None) -> None:
    loss, start, bounds = objective(POINTS, VALUES, DERIVED, noise, trend=True)
    assert len(start) == len(bounds) == 1 + DERIVED + 4 + (noise is None)
    at = start + np.random.default_rng(2).uniform(-0.3, 0.3, len(start))
    steps = 1e-5 * np.eye(len(at))
    expected = [(loss(at + step)[0] - loss(at - step)[0]) / 2e-5 for step in steps]
    assert loss(at)[1] == pytest.approx(np.array(expected), abs=1e-6)


@pytest.mark.parametrize("noise", [KNOWN, None], ids=["known", "fitted"])
def test_the_loss_is_that_of_gpytorch(noise: np.ndarray | None) -> None:
    model = GaussianProcess(POINTS, VALUES, DERIVED, noise, trend=True).model.train()
    density = model.likelihood(model(*model.train_inputs)).log_prob(model.train_targets).item()
    found = logs_of(fit_hyperparameters(POINTS, VALUES, DERIVED, noise, trend=True))
    beliefs = [*[lengthscale_belief(DERIVED)] * DERIVED, lengthscale_belief(5), DERIVED_SCALE, CHOICES_SCALE, SLOPE]
    beliefs += [] if noise is not None else [NOISE]
    prior = sum(float(each.log_density(log)) for each, log in zip(beliefs, found[1:], strict=True))
    constant = len(VALUES) * np.log(2 * np.pi) / 2  # which the loss leaves out
    loss = objective(POINTS, VALUES, DERIVED, noise, trend=True)[0](found)[0]
    assert loss == pytest.approx(-(density + constant + prior) / len(VALUES), abs=1e-4)


@pytest.mark.parametrize("noise", [KNOWN, None], ids=["known", "fitted"])
def test_a_fit_finds_what_is_better_than_all_around_it(noise: np.ndarray | None) -> None:
    loss, start, _ = objective(POINTS, VALUES, DERIVED, noise)
    found = logs_of(fit_hyperparameters(POINTS, VALUES, DERIVED, noise))
    best = loss(found)[0]
    assert best < loss(start)[0] - 0.05
    rng = np.random.default_rng(3)
    assert all(loss(found + 0.2 * rng.standard_normal(len(found)))[0] > best for _ in range(20))


def test_a_fit_takes_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[int] = set()

    def watched(*arguments: object, **options: object) -> object:
        seen.update(each["num_threads"] for each in threadpool_info())
        return minimize(*arguments, **options)

    monkeypatch.setattr(fitting, "minimize", watched)
    fit_hyperparameters(POINTS, VALUES, DERIVED, KNOWN)
    assert seen == {1}


def test_a_quantity_that_matters_gets_a_shorter_length_scale() -> None:
    found = fit_hyperparameters(POINTS, VALUES, DERIVED, KNOWN)
    assert found.derived_lengthscales[-1] < 0.7 * found.derived_lengthscales[:-1].min()


def test_a_trend_goes_on_where_nothing_was_observed() -> None:
    quantities = np.random.default_rng(4).random((25, DERIVED))
    points = np.hstack([np.full((25, 2), 0.5), 0.4 * quantities])
    values, noise = -5 * points[:, -1], np.full(25, 1e-3)
    beyond = np.array([[0.5, 0.5, 0.2, 0.2, 0.9]])
    with_trend, without = (
        GaussianProcess(points, values, DERIVED, noise, trend=trend).predict(beyond)[0][0] for trend in (True, False)
    )
    assert with_trend < -2.8 < without  # the least observed value is -2
