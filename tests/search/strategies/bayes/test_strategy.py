"""Proposals: new, valid, repeatable, and within the user's limits more often than chance."""

from collections.abc import Callable
from dataclasses import fields, replace
from math import comb

import numpy as np
import numpy.typing as npt
import pytest

from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import Objectives
from sparse_mcu.search.evaluation.pricing import Level, Price
from sparse_mcu.search.evaluation.result import Failure, Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.limits import Limits
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


@pytest.fixture(scope="module", name="space")
def _space() -> Space:
    """A space small enough that a few trials can say something about it."""
    few = Limits(
        kernels=(2, 3, 4, 5),
        max_blocks=4,
        max_hidden=1,
        skips=(),
        branches=False,
        augmentations=(),
        levers=(),
        prunings=(),
    )
    return Space(Task((1, 8, 8), 10), few)


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


def test_the_users_networks_come_first_and_the_others_after_them(space: Space) -> None:
    start = tuple(map(parse, ("conv-3x4/max dense", "dense-9 dense")))
    with_start = Strategy(space, Bounds(), seed=0, start=start, initial=3)
    without = Strategy(space, Bounds(), seed=0, initial=3)
    assert (with_start.ahead, without.ahead) == (5, 3)
    assert [with_start.propose(number, []) for number in range(5)] == [
        *start,
        *(without.propose(number, []) for number in range(3)),
    ]


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


def test_another_text_of_a_network_that_was_tried_is_not_proposed(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins = [parse("conv-2x4/2 dense"), parse("conv-2x4/valid/2 dense"), parse("conv-2x5 dense")]
    drawn = iter([space.canonical(twin) for twin in twins[1:]])
    monkeypatch.setattr(Space, "decode", lambda *_: next(drawn))
    strategy = Strategy(space, Bounds(), seed=0)
    assert strategy.propose(1, [Trial(number=0, configuration=twins[0])]) == twins[2]


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
    tuned = {"initial": 5, "random_pool": 6, "local_pool": 7, "priced_pool": 32, "boldness": BOLDNESS}
    assert strategy.settings == StrategySettings(name="bayes", parameters=tuned)
    given = {"space", "bounds", "seed", "start", "objectives", "price"}
    assert {field.name for field in fields(strategy)} - given == set(tuned) - {"boldness"}


LIMITS = Bounds({"flash_bytes": 2200, "latency_ms": 0.6})


def kept_after_the_start(space: Space, make_result: MakeResult, bounds: Bounds, seed: int) -> int:
    """How many of the five proposals after six of the start keep LIMITS, when the strategy knows `bounds`."""
    trials = run(Strategy(space, bounds, seed=seed, initial=6, random_pool=64, local_pool=64), make_result, 11)[6:]
    return sum(LIMITS.allow(make_result(trial.configuration).objectives) for trial in trials)


def chance_to_keep(space: Space, make_result: MakeResult, least: int, proposals: int) -> float:
    """The probability that at least so many of some random proposals keep LIMITS."""
    rng = np.random.default_rng(0)
    share = np.mean([LIMITS.allow(make_result(space.sample(rng)).objectives) for _ in range(1000)])
    return sum(comb(proposals, k) * share**k * (1 - share) ** (proposals - k) for k in range(least, proposals + 1))


def test_limits_draw_the_proposals(space: Space, make_result: MakeResult) -> None:
    free, bound = (kept_after_the_start(space, make_result, bounds, seed=1) for bounds in (Bounds(), LIMITS))
    assert bound > free
    assert bound >= 4
    assert chance_to_keep(space, make_result, bound, 5) < 0.05


@pytest.mark.slow
def test_limits_draw_the_proposals_of_any_seed(space: Space, make_result: MakeResult) -> None:
    kept = sum(kept_after_the_start(space, make_result, LIMITS, seed) for seed in range(1, 7))
    assert chance_to_keep(space, make_result, kept, 30) < 0.01


class Prices:
    """Prices that follow from the layers alone, as those of `make_result` do, and a note of what was asked."""

    def __init__(self, make_result: MakeResult) -> None:
        self.make_result = make_result
        self.asked: list[tuple[Configuration, Level]] = []

    def __call__(self, configuration: Configuration, level: Level) -> Price:
        """All costs at the levels "plan" and "build"; at "shape" half of the flash."""
        self.asked.append((configuration, level))
        found = self.make_result(configuration).objectives
        costs = Objectives({name: found[name] for name in ("ram_bytes", "flash_bytes", "latency_ms")})
        flash = costs["flash_bytes"].value
        least = {"flash_bytes": flash / 2 if level == "shape" else flash, "ram_bytes": costs["ram_bytes"].value}
        return Price(level=level, least=least, objectives=Objectives({}) if level == "shape" else costs)


def priced(space: Space, bounds: Bounds, price: Prices, **others: int) -> Strategy:
    return Strategy(space, bounds, seed=1, random_pool=64, local_pool=64, price=price, **others)


def test_no_proposal_exceeds_a_limit_on_a_known_cost(space: Space, make_result: MakeResult) -> None:
    bounds = Bounds({"flash_bytes": 2200, "ram_bytes": 600})
    price = Prices(make_result)
    trials = run(priced(space, bounds, price, initial=6), make_result, 8)
    assert all(bounds.allow(make_result(trial.configuration).objectives) for trial in trials)
    without = run(Strategy(space, bounds, seed=1, initial=6, random_pool=64, local_pool=64), make_result, 6)
    assert not all(bounds.allow(make_result(trial.configuration).objectives) for trial in without)


def test_cheap_prices_come_first_and_few_networks_are_planned(space: Space, make_result: MakeResult) -> None:
    history = run(Strategy(space, LIMITS, seed=1, initial=6, random_pool=64, local_pool=64), make_result, 8)
    price = Prices(make_result)
    assert priced(space, LIMITS, price, initial=6, priced_pool=8).propose(8, history) is not None
    levels = [level for _, level in price.asked]
    planned = {configuration for configuration, level in price.asked if level == "plan"}
    assert levels[:50] == ["shape"] * 50
    assert len(planned) <= 16 < len({configuration for configuration, level in price.asked if level == "shape"})
    assert {configuration for configuration, level in price.asked if level == "build"} <= planned


def test_a_network_of_the_user_is_tried_whatever_it_costs(space: Space, make_result: MakeResult) -> None:
    start = (parse("conv-3x4/max dense"),)
    strategy = priced(space, Bounds({"ram_bytes": 1}), Prices(make_result), initial=3)
    assert replace(strategy, start=start).propose(0, []) == start[0]


def test_a_limit_that_nothing_keeps_ends_the_search_at_once(space: Space, make_result: MakeResult) -> None:
    price = Prices(make_result)
    assert priced(space, Bounds({"ram_bytes": 1}), price, initial=3).propose(0, []) is None
    assert {level for _, level in price.asked} == {"shape"}


def test_exact_sizes_take_the_place_of_drawn_ones(space: Space, make_result: MakeResult) -> None:
    """The only objective is RAM, so the proposal is the smallest of those that were priced."""
    objectives = ("ram_bytes",)
    history = run(Strategy(space, Bounds(), seed=1, initial=6, random_pool=64, local_pool=64), make_result, 8)
    price = Prices(make_result)
    strategy = replace(priced(space, Bounds(), price, initial=6, priced_pool=64), objectives=objectives)
    proposal = strategy.propose(8, history)
    assert proposal is not None
    planned = {configuration for configuration, level in price.asked if level == "plan"}
    least = min(make_result(each).objectives["ram_bytes"].value for each in planned)
    assert make_result(proposal).objectives["ram_bytes"].value == least
