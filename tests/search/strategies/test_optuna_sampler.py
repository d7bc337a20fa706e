"""Our strategies serve in Optuna studies: Optuna's own conformance tests pass, and networks are searched as by us."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.strategies.optuna_sampler import (
    MOVES,
    PARENT,
    StrategySampler,
    network_problem,
    suggest_configuration,
)
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.strategies.registry import StrategyError, make_strategy
from sparse_mcu.search.study.trial import Trial

MakeResult = Callable[[Configuration], Success]
SMALL = {"initial": "5", "pool": "40", "planned": "8"}


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


class Ours:
    """Our sampler for the conformance tests, whose studies are no searches of networks."""

    @pytest.fixture(params=["with a problem", "without"])
    def sampler(self, request: pytest.FixtureRequest, space: Space) -> Callable[[], BaseSampler]:
        """Makes a sampler."""
        known = Problem(space=space, objectives=("error",)) if request.param == "with a problem" else None
        return partial(StrategySampler, known, "exact", SMALL)


class TestBasics(Ours, BasicSamplerTestCase):
    """Optuna's tests of any sampler."""


class TestRelative(Ours, RelativeSamplerTestCase):
    """Optuna's tests of samplers that choose parameters together."""


class TestSeveralObjectives(Ours, MultiObjectiveSamplerTestCase):
    """Optuna's tests of samplers for several objectives."""


@pytest.fixture
def two(problem: Problem) -> Problem:
    return replace(problem, objectives=("error", "flash_bytes"))


def searched(sampler: BaseSampler, problem: Problem, make_result: MakeResult, trials: int) -> optuna.Study:
    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        configuration = suggest_configuration(trial, problem.space)
        return make_result(configuration).objectives.values(problem.objectives)

    study = optuna.create_study(directions=["minimize"] * len(problem.objectives), sampler=sampler)
    study.optimize(objective, n_trials=trials)
    return study


def configuration_of(trial: optuna.trial.FrozenTrial, space: Space) -> Configuration:
    return suggest_configuration(optuna.trial.FixedTrial(trial.params), space)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["exact", "evolution"])
def test_a_study_tries_what_the_strategy_proposes(name: str, two: Problem, make_result: MakeResult) -> None:
    parameters = SMALL if name == "exact" else {"population": "5", "sample": "2"}
    study = searched(StrategySampler(two, name, parameters), two, make_result, 7)
    strategy, history = make_strategy(name, two, parameters), list[Trial]()
    for trial in study.trials:
        proposal = strategy.propose(trial.number, history)
        assert proposal is not None
        assert configuration_of(trial, two.space) == proposal.configuration
        assert trial.system_attrs[PARENT] == proposal.parent
        assert tuple(trial.system_attrs[MOVES]) == proposal.moves
        told = proposal.model_copy(update={"rungs": ()})
        history.append(Trial(number=trial.number, result=make_result(proposal.configuration), **dict(told)))
    assert len(study.best_trials) > 1


def test_nothing_beyond_the_limits_is_proposed(two: Problem, make_result: MakeResult) -> None:
    study = searched(StrategySampler(two, parameters=SMALL), two, make_result, 7)
    assert all(two.bounds.allow(make_result(configuration_of(each, two.space)).objectives) for each in study.trials)
    free = searched(optuna.samplers.RandomSampler(seed=0), two, make_result, 20)
    complete = [each for each in free.trials if each.state == optuna.trial.TrialState.COMPLETE]
    assert not all(two.bounds.allow(make_result(configuration_of(each, two.space)).objectives) for each in complete)


def test_trials_that_run_or_failed_are_not_tried_again(two: Problem, make_result: MakeResult) -> None:
    sampler = StrategySampler(two, parameters=SMALL)
    study = searched(sampler, two, make_result, 5)
    asked = [study.ask() for _ in range(2)]
    found = [suggest_configuration(trial, two.space) for trial in asked]
    for trial in asked:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    found.append(suggest_configuration(study.ask(), two.space))
    known = [configuration_of(each, two.space) for each in study.trials[:5]]
    assert len({*found, *known}) == 8


def test_a_network_that_the_user_enqueues_is_tried_and_learnt_from(two: Problem, make_result: MakeResult) -> None:
    study = searched(StrategySampler(two, parameters=SMALL), two, make_result, 3)
    other = searched(optuna.samplers.RandomSampler(seed=3), two, make_result, 8)
    study.enqueue_trial(other.best_trials[0].params)
    enqueued = study.ask()
    configuration = suggest_configuration(enqueued, two.space)
    assert configuration == configuration_of(other.best_trials[0], two.space)
    study.tell(enqueued, make_result(configuration).objectives.values(two.objectives))
    assert suggest_configuration(study.ask(), two.space) != configuration


def test_a_study_that_maximises_is_refused(two: Problem) -> None:
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=StrategySampler(two))
    with pytest.raises(StrategyError, match="maximize, minimize"):
        suggest_configuration(study.ask(), two.space)


def test_an_exhausted_space_is_left_to_the_other_sampler(two: Problem) -> None:
    impossible = replace(two, bounds=type(two.bounds)({"ram_bytes": 1.0}))
    other = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(
        directions=["minimize"] * 2, sampler=StrategySampler(impossible, parameters=SMALL, other=other)
    )
    assert study.ask().suggest_categorical("pooling", two.space.limits.input_poolings) in (1, 2, 3, 4)


def test_a_problem_is_made_from_a_board() -> None:
    problem = network_problem((1, 8, 8), 10, "microbit", objectives=("flash_bytes", "error"), limits={"ram_bytes": 900})
    assert problem.objectives == ("error", "flash_bytes")
    assert problem.bounds.root["ram_bytes"] == 900
    assert problem.bounds.root["flash_bytes"] == 262144
    assert problem.price is not None
    assert problem.price(parse("conv-3x4/max dense"), "plan").objectives["ram_bytes"].value < 900
