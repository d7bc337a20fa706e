"""Proposals: new, valid, repeatable, and better than chance."""

from collections.abc import Callable

import numpy as np
import pytest

from sparse_mcu.search.evaluation.objectives import Bounds
from sparse_mcu.search.evaluation.result import Failure, Success
from sparse_mcu.search.results.front import pareto_front
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.strategies.bayes.strategy import Strategy
from sparse_mcu.search.study.trial import Trial

MakeResult = Callable[[Configuration], Success]


def run(strategy: Strategy, make_result: MakeResult, trials: int) -> list[Trial]:
    history: list[Trial] = []
    for number in range(trials):
        configuration = strategy.propose(number, history)
        history.append(Trial(number=number, configuration=configuration, result=make_result(configuration)))
    return history


@pytest.fixture(scope="module")
def history(space: Space, make_result: MakeResult) -> list[Trial]:
    return run(Strategy(space, Bounds(), seed=3, initial=6, random_pool=64, local_pool=64), make_result, 10)


def test_proposals_are_new_and_admitted(history: list[Trial], space: Space) -> None:
    configurations = [trial.configuration for trial in history]
    assert len(set(configurations)) == len(configurations)
    assert all(space.admits(configuration) for configuration in configurations)


def test_seed_number_and_history_decide(history: list[Trial], space: Space) -> None:
    strategy = Strategy(space, Bounds(), seed=3, initial=6, random_pool=64, local_pool=64)
    for number in (0, 5, 9):
        assert strategy.propose(number, history[:number]) == history[number].configuration
    other = Strategy(space, Bounds(), seed=4, initial=6, random_pool=64, local_pool=64)
    assert other.propose(0, []) != history[0].configuration
    assert other.propose(9, history[:9]) != history[9].configuration


def test_the_first_proposals_are_spread(space: Space) -> None:
    strategy = Strategy(space, Bounds(), seed=0, initial=16)
    first = [strategy.propose(number, []) for number in range(16)]
    assert {len(configuration.blocks) for configuration in first} == {0, 1, 2, 3, 4}
    assert {configuration.head for configuration in first} == {"flatten", "average"}


def test_a_proposal_that_was_tried_is_replaced(space: Space) -> None:
    strategy = Strategy(space, Bounds(), seed=0)
    taken = Trial(number=0, configuration=strategy.propose(0, []))
    assert strategy.propose(0, [taken]) != taken.configuration


def test_without_results_proposals_are_random(space: Space) -> None:
    strategy = Strategy(space, Bounds(), seed=0, initial=1)
    failure = Failure(stage="cost", error="E", reason="r", seconds={})
    failed = [Trial(number=0, configuration=strategy.propose(0, []), result=failure)]
    assert space.admits(strategy.propose(1, failed))


def test_limits_draw_the_proposals(space: Space, make_result: MakeResult) -> None:
    bounds = Bounds(flash_bytes=2200, latency_ms=0.6)
    free, bound = (
        run(Strategy(space, limits, seed=1, initial=6, random_pool=64, local_pool=64), make_result, 11)[6:]
        for limits in (Bounds(), bounds)
    )
    kept = [sum(bounds.allow(make_result(t.configuration).objectives) for t in trials) for trials in (free, bound)]
    assert kept[1] > kept[0]
    assert kept[1] >= 4


def test_the_front_grows_beyond_the_random_start(history: list[Trial]) -> None:
    later = [trial.number for trial, _ in pareto_front(history, Bounds()) if trial.number >= 6]
    assert len(later) >= 2
    assert np.isfinite([result.objectives.values for _, result in pareto_front(history, Bounds())]).all()
