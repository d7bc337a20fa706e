"""Early stopping: what the front dominates at its own costs ends, and nothing else does."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import Objective, Objectives
from sparse_mcu.search.evaluation.result import RungError, Success
from sparse_mcu.search.space.configuration import Configuration, Pruning
from sparse_mcu.search.strategies.exact.stopping import Outlook, cheaper_rival, rung_of
from sparse_mcu.search.study.trial import Trial

MakeResult = Callable[[Configuration], Success]
SHARE = 0.25


def should_continue(
    error: float, share: float, costs: Mapping[str, float], history: Sequence[Trial], bounds: Bounds
) -> bool:
    return not rung_of(share, costs, history, bounds, may_inherit=False).stops(error)


@pytest.fixture
def history(make_result: MakeResult) -> list[Trial]:
    """Ten trials of 1,000 to 1,900 B. Errors fall from 20 to 11 %; at the rung each is twice its final one."""
    trials = []
    for number in range(10):
        configuration = Configuration(input_pooling=1, blocks=(), head="flatten", hidden=(8 + number,))
        error = 0.2 - 0.01 * number
        changed = {"error": error, "ram_bytes": 1000.0 + 100 * number}
        result = make_result(configuration)
        objectives = {
            **result.objectives.root,
            **{k: Objective(value=v, fidelity="analysed") for k, v in changed.items()},
        }
        early = 2 * (error + 0.005) * (1.1 if number % 2 else 1 / 1.1) - 0.005
        update = {"objectives": Objectives(objectives), "rungs": (RungError(share=SHARE, error=early),)}
        trials.append(Trial(number=number, configuration=configuration, result=result.model_copy(update=update)))
    return trials


def test_the_outlook_is_learnt_from_trials_that_were_trained_to_the_end(history: list[Trial]) -> None:
    outlook = Outlook.learn(history, SHARE, inherits=False)
    assert outlook is not None
    assert outlook.offset == pytest.approx(-0.693, abs=0.01)
    assert outlook.deviation == pytest.approx(0.1, abs=0.01)
    assert Outlook.learn(history[:5], SHARE, inherits=False) is None
    assert Outlook.learn(history, 0.5, inherits=False) is None
    assert Outlook.learn(history, SHARE, inherits=True) is None
    pruned = Pruning(kind="magnitude", strength=0.5)
    cut = [
        trial.model_copy(update={"configuration": trial.configuration.model_copy(update={"pruning": pruned})})
        for trial in history
    ]
    assert Outlook.learn(cut, SHARE, inherits=False) is None


def told(trial: Trial, *, inherited: bool | None, factor: float) -> Trial:
    """The trial with a parent, and another error at its rung."""
    assert isinstance(trial.result, Success)
    (rung,) = trial.result.rungs
    changed = rung.model_copy(update={"inherited": inherited, "error": factor * (rung.error + 0.005) - 0.005})
    return trial.model_copy(update={"parent": 0, "result": trial.result.model_copy(update={"rungs": (changed,)})})


def test_a_trial_counts_by_what_it_inherited_and_not_by_its_parent(history: list[Trial]) -> None:
    refused = [told(trial, inherited=False, factor=1.0) for trial in history]
    assert Outlook.learn(refused, SHARE, inherits=False) == Outlook.learn(history, SHARE, inherits=False)
    assert Outlook.learn(refused, SHARE, inherits=True) is None
    older = [told(trial, inherited=None, factor=1.0) for trial in history]
    assert Outlook.learn(older, SHARE, inherits=True) == Outlook.learn(history, SHARE, inherits=False)


def test_the_more_generous_limit_holds_for_who_may_inherit(history: list[Trial]) -> None:
    costs = {"ram_bytes": 1450.0}
    anew = rung_of(SHARE, costs, history, Bounds(), may_inherit=False).limit
    assert anew is not None
    for factor in (0.5, 1.5):
        heirs = [told(trial, inherited=True, factor=factor) for trial in history]
        heir = rung_of(SHARE, costs, heirs, Bounds(), may_inherit=True)
        assert heir.limit is None  # nothing is known of trainings without a parent
        both = rung_of(SHARE, costs, [*history, *heirs], Bounds(), may_inherit=True).limit
        assert both == pytest.approx(max(anew, factor * (anew + 0.005) - 0.005))


def test_the_rival_is_the_best_of_those_that_cost_no_more(history: list[Trial]) -> None:
    rival = cheaper_rival({"ram_bytes": 1450.0}, history, Bounds())
    assert rival is not None
    assert (rival.number, rival.error) == (4, pytest.approx(0.16))
    assert cheaper_rival({"ram_bytes": 999.0}, history, Bounds()) is None
    limited = cheaper_rival({"ram_bytes": 1450.0}, history, Bounds({"ram_bytes": 1200}))
    assert limited is not None
    assert limited.number == 2


@pytest.mark.parametrize(
    ("error", "ram", "goes_on"),
    [
        (0.30, 1450.0, True),  # expected 14.5 %: better than trial 4
        (0.36, 1450.0, True),  # expected 17.8 %: worse, but 1.5 deviations may make it better
        (0.45, 1450.0, False),  # expected 22 %: hopeless at that cost
        (0.45, 950.0, True),  # nothing is as cheap
        (0.36, 1950.0, False),  # more expensive than trial 9, which has 11 %
    ],
)
def test_what_is_dominated_stops_and_what_is_not_goes_on(
    history: list[Trial], error: float, ram: float, goes_on: bool
) -> None:
    assert should_continue(error, SHARE, {"ram_bytes": ram}, history, Bounds()) is goes_on


def test_a_limit_of_the_error_stops_too(history: list[Trial]) -> None:
    assert should_continue(0.45, SHARE, {"ram_bytes": 950.0}, history, Bounds())
    assert not should_continue(0.45, SHARE, {"ram_bytes": 950.0}, history, Bounds({"error": 0.15}))


def test_without_experience_nothing_stops(history: list[Trial]) -> None:
    rung = rung_of(SHARE, {"ram_bytes": 1450.0}, history[:5], Bounds(), may_inherit=False)
    assert rung.limit is None
    assert should_continue(0.9, SHARE, {"ram_bytes": 1450.0}, history[:5], Bounds())


def test_the_rung_says_who_is_not_beaten(history: list[Trial]) -> None:
    rung = rung_of(SHARE, {"ram_bytes": 1450.0}, history, Bounds(), may_inherit=False)
    assert rung.limit is not None
    assert "trial 4" in rung.reason
    assert "16.00 %" in rung.reason
