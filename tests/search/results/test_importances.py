"""Which choices the error depends on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.search.evaluation.objectives import Objective, Objectives
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.results.importances import LEAST_TRIALS, draw_importances, importances_of, save_importances
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.study.trial import Trial

MakeResult = Callable[..., Success]


@pytest.fixture(scope="module")
def make_trials(space: Space, make_result: MakeResult) -> Callable[[Callable[[Configuration], float]], list[Trial]]:
    """Makes forty trials whose errors a function of the configuration gives."""

    def make(error_of: Callable[[Configuration], float]) -> list[Trial]:
        rng, trials = np.random.default_rng(0), list[Trial]()
        for number in range(40):
            configuration = space.sample(rng)
            result = make_result(configuration)
            error = Objective(value=error_of(configuration), fidelity="analysed")
            objectives = Objectives({**result.objectives.root, "error": error})
            trials.append(
                Trial(
                    number=number,
                    configuration=configuration,
                    result=result.model_copy(update={"objectives": objectives}),
                )
            )
        return trials

    return make


def test_the_choice_that_decides_the_error_comes_first(
    make_trials: Callable[[Callable[[Configuration], float]], list[Trial]],
) -> None:
    shares = importances_of(make_trials(lambda configuration: 0.1 / (1 + len(configuration.hidden))))
    assert next(iter(shares)) in {"hidden", "hidden0"}
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert sum(shares.values()) == pytest.approx(1.0, abs=0.01)
    assert importances_of(make_trials(lambda configuration: 0.2 / (1 + len(configuration.blocks)))) != shares


def test_too_little_says_nothing(
    make_trials: Callable[[Callable[[Configuration], float]], list[Trial]], tmp_path: Path
) -> None:
    assert importances_of(make_trials(lambda c: 0.1 / (1 + len(c.hidden)))[: LEAST_TRIALS - 1]) == {}
    assert importances_of(make_trials(lambda _: 0.1)) == {}
    assert save_importances({}, "nothing", tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_the_picture_shows_the_largest(tmp_path: Path) -> None:
    shares = {f"choice{k}": 0.5**k for k in range(1, 30)}
    (panel,) = draw_importances(shares, "digits").axes
    assert [text.get_text() for text in panel.get_yticklabels()] == [f"choice{k}" for k in range(1, 13)]
    assert [path.name for path in save_importances(shares, "digits", tmp_path)] == [
        "importances.png",
        "importances.svg",
    ]
