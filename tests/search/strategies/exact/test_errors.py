"""The model of the error: its noise is known, and running trials are imagined."""

from collections.abc import Callable

import numpy as np
import pytest

from sparse_mcu.search.evaluation.result import RungError, Stopped, Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.strategies.exact.errors import ErrorModel, Observations, noise_of
from sparse_mcu.search.study.trial import Trial

MakeResult = Callable[[Configuration], Success]


def test_the_noise_is_that_of_counting_and_of_seeds() -> None:
    rng = np.random.default_rng(0)
    for share in (0.03, 0.3):
        counted = rng.binomial(1000, share, 20_000) / 1000
        known = noise_of(np.array([share]), 1000, 0.0)[0]
        assert known == pytest.approx(np.log(counted + 0.005).var(), rel=0.1)
    assert noise_of(np.array([0.03]), 1000, 0.0)[0] == pytest.approx(0.0238, abs=5e-5)
    assert noise_of(np.array([0.03]), 1000, 0.2)[0] == pytest.approx(0.0238 + 0.04, abs=5e-5)
    assert noise_of(np.array([0.0]), 1000, 0.0)[0] > 0


@pytest.fixture(name="observed", scope="module")
def _observed(space: Space) -> Observations:
    """Thirty errors that are nothing but noise around 10 %."""
    rng = np.random.default_rng(0)
    configurations = list(dict.fromkeys(space.sample(rng) for _ in range(30)))
    logs = np.log(0.105) + 0.3 * rng.standard_normal(len(configurations))
    return Observations(configurations, logs, np.full(len(logs), 0.09))


def test_known_noise_keeps_the_model_from_believing_it(observed: Observations, space: Space) -> None:
    smoothed = ErrorModel(observed, space, is_noise_known=True).smoothed(len(observed.logs))
    assert smoothed.std() < 0.6 * observed.logs.std()
    raw = ErrorModel(observed, space, is_noise_known=False).smoothed(len(observed.logs))
    assert np.array_equal(raw, observed.logs)


def test_an_imagined_error_lowers_what_is_unknown_nearby(observed: Observations, space: Space) -> None:
    running = [space.sample(np.random.default_rng(99))]
    model = ErrorModel(observed, space, is_noise_known=True)
    before = model.believe(running, 0, np.inf)
    expected = ErrorModel(observed, space, is_noise_known=True).imagine(running, "mean", 0)
    drawn = [ErrorModel(observed, space, is_noise_known=True).imagine(running, "drawn", seed)[0] for seed in range(4)]
    assert expected == pytest.approx(before.mean)
    assert len(set(drawn)) == 4
    model.imagine(running, "drawn", 0)
    after = model.believe(running, 0, np.inf)
    assert after.deviation[0] < 0.5 * before.deviation[0]
    assert after.mean == pytest.approx(np.array([drawn[0]]), abs=0.05)


def test_a_stopped_trial_counts_as_what_its_rung_foretells(space: Space, make_result: MakeResult) -> None:
    rng = np.random.default_rng(0)
    history = []
    for number in range(8):
        result = make_result(space.sample(rng))
        early = min(1.0, 2 * (result.objectives["error"].value + 0.005) - 0.005)
        kept = result.model_copy(update={"rungs": (RungError(share=0.25, error=early),)})
        history.append(Trial(number=number, configuration=space.sample(rng), result=kept))
    stopped = Stopped(stage="training", reason="r", rungs=(RungError(share=0.25, error=0.395),), seconds={})
    history.append(Trial(number=8, configuration=space.sample(rng), result=stopped))
    observed = Observations.of(history, "error", 1000, 0.15)
    assert len(observed.logs) == 9
    assert observed.configurations[-1] == history[-1].configuration
    assert np.exp(observed.logs[-1]) == pytest.approx(0.2, rel=0.02)
