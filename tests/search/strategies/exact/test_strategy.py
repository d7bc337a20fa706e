"""Exact costs: limits, cheap prices first, running trials, preferences, rungs; each idea shows when it is off."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import Objective, Objectives
from sparse_mcu.search.evaluation.pricing import Level, Price
from sparse_mcu.search.evaluation.result import Stopped, Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.strategies.exact.strategy import ExactStrategy
from sparse_mcu.search.strategies.exact.typical import typical
from sparse_mcu.search.strategies.proposing import is_affordable
from sparse_mcu.search.strategies.protocol import PriceFunction, Problem
from sparse_mcu.search.study.trial import Trial

MakeResult = Callable[[Configuration], Success]
Run = Callable[..., list[Trial]]


def small(problem: Problem, **others: object) -> ExactStrategy:
    return ExactStrategy(problem, **{"initial": 6, "pool": 60, "planned": 8, **others})  # type: ignore[arg-type]


class Asked:
    """Prices, and what was asked at which level."""

    def __init__(self, price: PriceFunction) -> None:
        self._price = price
        self.levels: dict[Level, set[Configuration]] = {"shape": set(), "plan": set(), "build": set(), "run": set()}

    def __call__(self, configuration: Configuration, level: Level) -> Price:
        """The price."""
        self.levels[level].add(configuration)
        return self._price(configuration, level)


@pytest.fixture
def history(problem: Problem, make_result: MakeResult, run: Run) -> list[Trial]:
    return run(small(problem), make_result, 10)


def test_cheap_prices_come_first_and_few_networks_are_planned(problem: Problem, history: list[Trial]) -> None:
    assert problem.price is not None
    asked = Asked(problem.price)
    assert small(replace(problem, price=asked)).propose(10, history) is not None
    tried = {trial.configuration for trial in history}
    assert len(asked.levels["shape"] - tried) > 20
    assert 1 <= len(asked.levels["plan"] - tried) <= 8
    assert len(asked.levels["build"]) <= 2


def test_exact_costs_decide(problem: Problem, history: list[Trial], make_result: MakeResult) -> None:
    """The only objective is RAM, so the proposal is the smallest of those that were planned."""
    assert problem.price is not None
    asked = Asked(problem.price)
    only = replace(problem, objectives=("ram_bytes",), bounds=Bounds(), price=asked)
    proposal = small(only, planned=60).propose(10, history)
    assert proposal is not None
    planned = asked.levels["plan"] - {trial.configuration for trial in history}
    least = min(make_result(each).objectives["ram_bytes"].value for each in planned)
    assert make_result(proposal.configuration).objectives["ram_bytes"].value == least


@pytest.mark.parametrize("are_needed", [False, True])
def test_levers_are_taken_only_where_a_limit_needs_them_if_the_error_alone_counts(
    problem: Problem, make_result: MakeResult, run: Run, are_needed: bool
) -> None:
    """No network is tried twice with different levers."""
    assert problem.price is not None
    price = problem.price

    def priced(configuration: Configuration, level: Level) -> Price:
        found, is_bare = price(configuration, level), configuration == configuration.without_levers
        return replace(found, least={"ram_bytes": 10**6}) if is_bare and are_needed and level == "plan" else found

    limits = problem.space.limits.model_copy(update={"levers": ("pools", "streams")})
    space = replace(problem.space, limits=limits)
    limited = replace(problem, space=space, objectives=("error",), bounds=Bounds({"ram_bytes": 10**5}), price=priced)
    begun = run(small(replace(limited, price=price)), make_result, 6)
    for number in range(6, 16):
        proposal = small(limited).propose(number, begun)
        assert proposal is not None
        bare = proposal.configuration.without_levers
        assert (proposal.configuration == bare) is not are_needed
        assert bare not in {trial.configuration.without_levers for trial in begun}


def test_costs_that_are_only_predicted_are_corrected_by_the_trials(
    problem: Problem, history: list[Trial], make_result: MakeResult
) -> None:
    """Plans that predict three times the real cost give the costs that plans without that bias give."""
    assert problem.price is not None
    price = problem.price

    def biased(configuration: Configuration, level: Level) -> Price:
        found = price(configuration, level)
        tripled = {
            name: each.model_copy(update={"value": 3 * each.value}) for name, each in found.objectives.root.items()
        }
        return replace(found, objectives=type(found.objectives)(tripled))

    configurations = [trial.configuration for trial in history]
    right = small(problem).costs(history[:6]).exact(configurations)
    assert small(replace(problem, price=biased)).costs(history[:6]).exact(configurations) == pytest.approx(right)
    assert np.exp(right[0, 0]) == pytest.approx(make_result(configurations[0]).objectives["ram_bytes"].value)


def test_without_exact_costs_nothing_is_planned(problem: Problem, history: list[Trial]) -> None:
    assert problem.price is not None
    asked = Asked(problem.price)
    strategy = small(replace(problem, price=asked), exact_costs=False, filtered=False)
    assert strategy.propose(10, history) is not None
    assert not any(asked.levels.values())


def test_morphs_name_their_parent_and_their_moves(problem: Problem, history: list[Trial]) -> None:
    proposal = small(problem, global_share=0.0).propose(10, history)
    assert proposal is not None
    assert proposal.parent is not None
    assert 1 <= len(proposal.moves) <= 2
    alone = small(problem, global_share=0.0, inheriting=False).propose(10, history)
    assert alone is not None
    assert alone.parent is None
    assert alone.moves == proposal.moves
    random = small(problem, global_share=1.0).propose(10, history)
    assert random is not None
    assert random.moves == ()


def test_useless_networks_are_no_parents_and_a_limit_of_the_error_ends_that(
    problem: Problem, history: list[Trial], make_result: MakeResult
) -> None:
    """The tiniest network is on the front whatever its error is."""
    tiny = parse("pool2 dense")
    result = make_result(tiny)
    bad = {**result.objectives.root, "error": Objective(value=0.8, fidelity="analysed")}
    tiniest = {**bad, "flash_bytes": Objective(value=900, fidelity="analysed")}
    useless = result.model_copy(update={"objectives": Objectives(tiniest)})
    longer = [*history, Trial(number=10, configuration=tiny, result=useless)]

    def parents(problem: Problem, **parameters: object) -> set[int | None]:
        strategy = small(problem, global_share=0.0, pool=30, planned=4, **parameters)
        return {found.parent for seed in range(6) if (found := strategy.propose(11 + seed, longer)) is not None}

    free = replace(problem, objectives=("error", "flash_bytes"))
    assert 10 not in parents(free)
    assert 10 in parents(free, forgetting=False)
    assert 10 in parents(replace(free, bounds=Bounds({**free.bounds.root, "error": 0.9})))


def test_the_first_networks_are_simple(problem: Problem, run: Run, make_result: MakeResult) -> None:
    first = run(small(problem, typical_start=False), make_result, 6)
    assert max(len(trial.configuration.blocks) for trial in first) <= 2
    assert len({trial.configuration for trial in first}) == 6
    any_ = run(small(problem, simple_start=False, typical_start=False), make_result, 6)
    assert max(len(trial.configuration.blocks) for trial in any_) > 2


def test_every_other_one_of_the_first_networks_is_typical(problem: Problem, run: Run, make_result: MakeResult) -> None:
    known = typical(problem.space, lambda each: is_affordable(problem, each), are_small=True)
    assert len(known) > 1
    first = [trial.configuration for trial in run(small(problem), make_result, 6)]
    assert first[1::2][: len(known)] == known[:3]
    assert not {*first[::2]} & {*known}
    alone = replace(problem, objectives=("error",))
    large = typical(problem.space, lambda each: is_affordable(alone, each))
    assert [trial.configuration for trial in run(small(alone), make_result, 2)][1] == large[0] != known[0]


def test_the_error_matters_as_much_as_all_costs_together(problem: Problem) -> None:
    def weights(problem: Problem, **parameters: object) -> list[float]:
        return small(problem, **parameters).weights(np.random.default_rng(0)).tolist()

    assert weights(problem) == [3, 1, 1, 1]
    assert weights(problem, balanced=False) == [1, 1, 1, 1]
    assert weights(replace(problem, objectives=("ram_bytes", "flash_bytes"))) == [1, 1]
    assert weights(replace(problem, objectives=("error",))) == [1]
    preferring = replace(problem, preferences={"error": (2.0, 2.0), "ram_bytes": (0.5, 0.5)})
    assert weights(preferring) == [6, 0.5, 1, 1]


def test_a_running_trial_changes_what_comes_next(problem: Problem, history: list[Trial]) -> None:
    """The second proposal knows that the first is under way; what is imagined of it lies in the parameter."""
    strategy = small(problem)
    first = strategy.propose(10, history)
    assert first is not None
    longer = [*history, Trial(number=10, **dict(first))]
    seconds = {running: small(problem, running=running).propose(11, longer) for running in ("drawn", "mean", "ignored")}
    for second in seconds.values():
        assert second is not None
        assert second.configuration != first.configuration


@pytest.mark.parametrize("acquisition", ["improvement", "thompson", "ucb"])
@pytest.mark.parametrize("reference", ["limits", "nadir"])
def test_every_acquisition_proposes(problem: Problem, history: list[Trial], acquisition: str, reference: str) -> None:
    proposal = small(problem, acquisition=acquisition, reference=reference).propose(10, history)
    assert proposal is not None
    assert proposal.configuration not in {trial.configuration for trial in history}


def test_pruning_is_tried_less_the_longer_it_takes(problem: Problem, make_result: MakeResult, run: Run) -> None:
    limits = problem.space.limits.model_copy(update={"prunings": ("magnitude",)})
    pruning = replace(problem, space=Space(problem.space.task, limits))

    def pruned(pruning_time: float) -> int:
        trials = run(small(pruning, pruning_time=pruning_time), make_result, 16)[6:]
        return sum(trial.configuration.pruning is not None for trial in trials)

    assert pruned(1000.0) < pruned(1e-3)


def test_a_preference_moves_the_proposals(problem: Problem, make_result: MakeResult, run: Run) -> None:
    usual = {}
    for weight in (0.02, 50.0):
        preferring = replace(
            problem,
            objectives=("error", "flash_bytes"),
            bounds=Bounds(),
            preferences={"flash_bytes": (weight, weight)},
        )
        trials = run(small(preferring), make_result, 14)[6:]
        usual[weight] = np.median([make_result(t.configuration).objectives["flash_bytes"].value for t in trials])
    assert usual[50.0] < usual[0.02]


def test_a_trial_may_be_stopped_once_enough_trials_tell(problem: Problem, make_result: MakeResult, run: Run) -> None:
    history = run(small(problem), make_result, 12)
    assert [len(trial.rungs) for trial in history] == [1] * 12
    assert all(trial.rungs[0].limit is None for trial in history[:4])
    assert any(trial.rungs[0].limit is not None for trial in history[6:])
    without = small(problem, early_stopping=False).propose(12, history)
    assert without is not None
    assert without.rungs == ()


def test_no_firmware_is_built_for_a_rung_if_no_cost_is_minimised(
    problem: Problem, make_result: MakeResult, run: Run
) -> None:
    assert problem.price is not None
    asked = Asked(problem.price)
    alone = replace(problem, objectives=("error",), bounds=Bounds(), price=asked)
    last = run(small(alone, inheriting=False), make_result, 14)[-1]
    assert last.rungs[0].limit is not None
    assert not asked.levels["build"]


def test_a_stopped_trial_teaches_the_model(problem: Problem, make_result: MakeResult, run: Run) -> None:
    history = run(small(problem, inheriting=False), make_result, 12)
    last = history[-1]
    assert isinstance(last.result, Success)
    stopped = Stopped(stage="training", reason="r", rungs=last.result.rungs, seconds={})
    cut = [*history[:-1], last.model_copy(update={"result": stopped})]
    proposal = small(problem).propose(12, cut)
    assert proposal is not None
    assert proposal.configuration != last.configuration


def test_a_limit_of_the_error_alone_counts(problem: Problem, make_result: MakeResult, run: Run) -> None:
    """With RAM as the only objective, a limit of the error keeps proposals from being as small as can be."""
    errors = []
    for bounds in (Bounds(), Bounds({"error": 0.05})):
        limited = replace(problem, objectives=("ram_bytes",), bounds=bounds)
        trials = run(small(limited), make_result, 12)[6:]
        errors.append(np.mean([make_result(trial.configuration).objectives["error"].value for trial in trials]))
    assert errors[1] < errors[0]


def test_of_two_errors_the_first_counts(problem: Problem, history: list[Trial], make_result: MakeResult) -> None:
    """The other one is recorded, but neither models nor stops anything."""
    both = replace(problem, objectives=("error", "float_error", "ram_bytes"))
    result = make_result(history[0].configuration)
    known = {**result.objectives.root, "float_error": result.objectives["error"]}
    told = [
        trial.model_copy(update={"result": result.model_copy(update={"objectives": Objectives(known)})})
        for trial in history
    ]
    proposal = small(both).propose(10, told)
    assert proposal is not None
    assert proposal.rungs == ()
