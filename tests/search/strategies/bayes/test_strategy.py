"""Proposals: new, valid, repeatable, and within the user's limits more often than chance."""

from collections.abc import Callable
from dataclasses import fields
from math import comb

import numpy as np
import numpy.typing as npt
import pytest

from sparse_mcu.search.evaluation.objectives import Bounds
from sparse_mcu.search.evaluation.result import Failure, Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.task import Task
from sparse_mcu.search.strategies.bayes.strategy import Strategy
from sparse_mcu.search.strategies.bayes.surrogate import BOLDNESS
from sparse_mcu.search.study.settings import StrategySettings
from sparse_mcu.search.study.trial import Trial

MakeResult = Callable[[Configuration], Success]


def run(strategy: Strategy, make_result: MakeResult, trials: int) -> list[Trial]:
    history: list[Trial] = []
    for number in range(trials):
        configuration = strategy.propose(number, history)
        assert configuration is not None
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
    first = [configuration for number in range(16) if (configuration := strategy.propose(number, [])) is not None]
    assert len(first) == 16
    assert {len(configuration.blocks) for configuration in first} == {0, 1, 2, 3, 4}
    assert {configuration.head for configuration in first} == {"flatten", "average"}


def test_a_proposal_that_was_tried_is_replaced(space: Space) -> None:
    strategy = Strategy(space, Bounds(), seed=0)
    first = strategy.propose(0, [])
    assert first is not None
    assert strategy.propose(0, [Trial(number=0, configuration=first)]) not in {first, None}


def test_without_results_proposals_are_random(space: Space) -> None:
    strategy = Strategy(space, Bounds(), seed=0, initial=1)
    failure = Failure(stage="cost", error="E", reason="r", seconds={})
    first = strategy.propose(0, [])
    assert first is not None
    second = strategy.propose(1, [Trial(number=0, configuration=first, result=failure)])
    assert second is not None
    assert space.admits(second)


class Narrow(Space):
    """A space of a few configurations: those that a seed draws."""

    def decode(self, point: npt.NDArray[np.float64]) -> Configuration:
        """One of three, by the point's first entry."""
        return NETWORKS[int(point[0] * len(NETWORKS))]


NETWORKS = tuple(Configuration(input_pooling=1, blocks=(), head="flatten", hidden=(units,)) for units in (8, 16, 32))


@pytest.mark.parametrize("initial", [1, 100])
def test_a_space_that_is_exhausted_has_no_more_proposals(make_result: MakeResult, initial: int) -> None:
    strategy = Strategy(Narrow(Task((1, 8, 8), 10)), Bounds(), seed=0, initial=initial, random_pool=8, local_pool=0)
    history: list[Trial] = []
    while (configuration := strategy.propose(len(history), history)) is not None:
        history.append(Trial(number=len(history), configuration=configuration, result=make_result(configuration)))
    assert {trial.configuration for trial in history} == set(NETWORKS)
    assert len(history) == len(NETWORKS)


def test_its_settings_are_all_that_tunes_it(space: Space) -> None:
    strategy = Strategy(space, Bounds(), seed=3, initial=5, random_pool=6, local_pool=7)
    tuned = {"initial": 5, "random_pool": 6, "local_pool": 7, "boldness": BOLDNESS}
    assert strategy.settings == StrategySettings(name="bayes", parameters=tuned)
    assert {field.name for field in fields(strategy)} - {"space", "bounds", "seed"} == set(tuned) - {"boldness"}


def test_limits_draw_the_proposals(space: Space, make_result: MakeResult) -> None:
    bounds = Bounds(flash_bytes=2200, latency_ms=0.6)
    free, bound = (
        run(Strategy(space, limits, seed=1, initial=6, random_pool=64, local_pool=64), make_result, 11)[6:]
        for limits in (Bounds(), bounds)
    )
    kept = [sum(bounds.allow(make_result(t.configuration).objectives) for t in trials) for trials in (free, bound)]
    assert kept[1] > kept[0]
    assert kept[1] >= 4
    # Chance would do as well in fewer than one search of twenty.
    rng = np.random.default_rng(0)
    drawn = [bounds.allow(make_result(space.sample(rng)).objectives) for _ in range(1000)]
    share = sum(drawn) / len(drawn)
    assert sum(comb(5, k) * share**k * (1 - share) ** (5 - k) for k in range(kept[1], 6)) < 0.05
