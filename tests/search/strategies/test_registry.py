"""What every strategy must do: propose what is new, valid and affordable, and the same again."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.result import Failure, Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.task import Task
from sparse_mcu.search.strategies.names import DEFAULT, NAMES
from sparse_mcu.search.strategies.protocol import Problem, Strategy, settings_of
from sparse_mcu.search.strategies.registry import StrategyError, make_strategy
from sparse_mcu.search.study.trial import Trial

MakeResult = Callable[[Configuration], Success]
Run = Callable[..., list[Trial]]

SMALL = {
    "exact": {"initial": "5", "pool": "40", "planned": "8"},
    "sparse": {"initial": "5", "narrow_from": "7", "morph_from": "8", "random_pool": "24", "local_pool": "24"},
    "random": {},
    "evolution": {"population": "5", "sample": "2"},
    "nsga2": {"population": "3"},
    "tpe": {"initial": "5"},
    "qlognehvi": {"initial": "8", "random_pool": "16", "local_pool": "16", "samples": "4"},
}
"""Parameters with which nine trials see all that a strategy does."""

NETWORKS = tuple(Configuration(input_pooling=1, blocks=(), head="flatten", hidden=(units,)) for units in (8, 16, 32))


def small(name: str, problem: Problem) -> Strategy:
    return make_strategy(name, problem, SMALL[name])


@pytest.mark.parametrize("name", NAMES)
def test_proposals_are_new_valid_affordable_and_repeat(
    name: str, problem: Problem, make_result: MakeResult, run: Run
) -> None:
    strategy = small(name, problem)
    history = run(strategy, make_result, 9)
    configurations = [trial.configuration for trial in history]
    assert len(set(configurations)) == 9
    assert all(each == problem.space.canonical(each) and problem.space.admits(each) for each in configurations)
    assert all(problem.bounds.allow(make_result(each).objectives) for each in configurations)
    for number in (0, 8):
        again = small(name, problem).propose(number, history[:number])
        assert again is not None
        assert again.configuration == configurations[number]
    other = small(name, replace(problem, seed=2)).propose(8, history[:8])
    assert other is not None
    assert other.configuration != configurations[8]


@pytest.mark.parametrize("name", NAMES)
def test_without_the_filter_some_proposals_exceed_limits(
    name: str, problem: Problem, make_result: MakeResult, run: Run
) -> None:
    strategy = make_strategy(name, problem, {**SMALL[name], "filtered": "no"})
    first = run(strategy, make_result, 5)
    assert not all(problem.bounds.allow(make_result(trial.configuration).objectives) for trial in first)


@pytest.mark.parametrize("name", NAMES)
def test_the_users_networks_come_first_whatever_they_cost(name: str, problem: Problem) -> None:
    start = tuple(map(parse, ("conv-3x4/max dense", "dense-9 dense")))
    strategy = small(name, replace(problem, start=start, bounds=Bounds({"ram_bytes": 1})))
    history: list[Trial] = []
    for number, network in enumerate(start):
        proposal = strategy.propose(number, history)
        assert proposal is not None
        assert proposal.configuration == network
        history.append(Trial(number=number, configuration=network))
    assert strategy.propose(2, history) is None  # nothing keeps the limit


@pytest.mark.parametrize("name", NAMES)
def test_trials_that_run_or_failed_are_not_proposed_again(
    name: str, problem: Problem, make_result: MakeResult, run: Run
) -> None:
    strategy = small(name, problem)
    history = run(strategy, make_result, 8)
    failure = Failure(stage="cost", error="E", reason="r", seconds={})
    for result in (None, failure):
        proposal = strategy.propose(len(history), history)
        assert proposal is not None
        assert proposal.configuration not in {trial.configuration for trial in history}
        history.append(Trial(number=len(history), result=result, **dict(proposal)))


class Narrow(Space):
    """A space of three configurations."""

    def decode(self, point: npt.NDArray[np.float64]) -> Configuration:
        """One of three, by the point's first entry."""
        return NETWORKS[int(point[0] * len(NETWORKS))]

    def admits(self, configuration: Configuration) -> bool:
        """Whether it is one of the three."""
        return configuration in NETWORKS


@pytest.mark.parametrize("name", NAMES)
def test_a_space_that_is_exhausted_has_no_more_proposals(name: str, make_result: MakeResult, run: Run) -> None:
    strategy = small(name, Problem(space=Narrow(Task((1, 8, 8), 10))))
    history = run(strategy, make_result, len(NETWORKS))
    assert {trial.configuration for trial in history} == set(NETWORKS)
    assert strategy.propose(len(NETWORKS), history) is None


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_name_all_parameters_and_preferences(name: str, problem: Problem) -> None:
    settings = settings_of(name, small(name, replace(problem, preferences={"error": (1.0, 2.0)})))
    assert settings.name == name
    assert {key: str(settings.parameters[key]) for key in SMALL[name]} == SMALL[name]
    assert "problem" not in settings.parameters
    assert settings.preferences == {"error": (1.0, 2.0)}


@pytest.mark.parametrize(
    ("name", "texts", "message"),
    [
        ("exakt", {}, "no strategy is called 'exakt'"),
        ("exact", {"pol": "3"}, "no parameter 'pol'"),
        ("exact", {"pool": "many"}, "'many' is not a whole number"),
        ("exact", {"boldness": "much"}, "'much' is not a number"),
        ("exact", {"filtered": "1"}, "none of yes, no"),
        ("exact", {"acquisition": "magic"}, "none of improvement, thompson, ucb"),
        ("random", {"problem": "x"}, "no parameter 'problem'"),
    ],
)
def test_what_a_user_gets_wrong_is_named(name: str, texts: dict[str, str], message: str, problem: Problem) -> None:
    with pytest.raises(StrategyError, match=message):
        make_strategy(name, problem, texts)


def test_the_default_comes_first() -> None:
    assert NAMES[0] == DEFAULT
