"""Lets any Optuna study propose networks as our strategies do.

    problem = network_problem((1, 28, 28), 10, "microbit", objectives=("error", "ram_bytes"))
    sampler = StrategySampler(problem)

    def objective(trial):
        configuration = suggest_configuration(trial, problem.space)
        return my_error(configuration), my_ram(configuration)

    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    study.optimize(objective, n_trials=150)

The objective function is the user's own. It returns the objectives that the problem names, in that order, all of them
minimised. A trial's parameters are the choices of a configuration. They are conditional: a block that does not exist
has no kernel. So each trial has a relative search space of its own, that of the configuration that is proposed.

A study over other parameters is left to another sampler of Optuna. So are parameters that a user fixes or asks for
besides.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.report import ModelInfo, ToolInfo
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import DEFAULT_OBJECTIVES, Objective, Objectives, chosen_objectives
from sparse_mcu.search.evaluation.pricing import Pricer
from sparse_mcu.search.evaluation.result import Artifacts, CrossCheck, Failure, Result, Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.task import Task
from sparse_mcu.search.strategies.names import DEFAULT
from sparse_mcu.search.strategies.protocol import Problem, Strategy
from sparse_mcu.search.strategies.registry import StrategyError, make_strategy
from sparse_mcu.search.strategies.rivals.optuna_asking import Replayed, Suggested, parameters_of
from sparse_mcu.search.strategies.rivals.optuna_space import ask_configuration
from sparse_mcu.search.study.trial import Proposal, Trial
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions

PARENT, MOVES = "sparse_mcu:parent", "sparse_mcu:moves"
"""The system attributes of a trial that say which trial its network was made from, and by which moves."""

_UNKNOWN = ToolInfo(name="unknown", version="0")


def network_problem(
    shape: tuple[int, int, int],
    classes: int,
    board: str,
    *,
    objectives: Sequence[str] = DEFAULT_OBJECTIVES,
    limits: Mapping[str, float] | None = None,
    options: BuildOptions = DEFAULTS,
    seed: int = 0,
) -> Problem:
    """Returns the problem of finding networks for images on a board.

    Args:
        shape: Channels, height and width of the images.
        classes: The number of classes.
        board: The name of the board, or the path of a board file.
        objectives: The objectives that are minimised, by name.
        limits: The largest values allowed, by the name of the objective. The board's memories are limits, too.
        options: How firmware is made.
        seed: The seed of all proposals.

    Raises:
        UnknownObjectiveError: There is no objective of a name.
        UnknownBoardError: There is no such board.
    """
    task, found = Task(shape, classes), load_board(board)
    return Problem(
        space=Space(task),
        bounds=Bounds(dict(limits or {})).within(found),
        seed=seed,
        objectives=chosen_objectives(objectives),
        price=Pricer(task, Target(found), options).price,
    )


def suggest_configuration(trial: optuna.Trial, space: Space) -> Configuration:
    """Returns the configuration that a trial of Optuna should try, in its canonical form.

    Any sampler may decide. Choices whose shapes do not go together are repaired.

    Args:
        trial: The trial. The choices become its parameters.
        space: The space of the configurations.

    Raises:
        optuna.TrialPruned: The sampler's choices make a network that the space does not contain.
    """
    made = space.repaired(ask_configuration(Suggested(trial), space.limits))
    refusal = next(space.refusals(made), None)
    if refusal is not None:
        raise optuna.TrialPruned(refusal)
    return space.canonical(made)


class StrategySampler(optuna.samplers.BaseSampler):
    """Samples as a strategy of ours proposes.

    Args:
        problem: What the study searches for; None leaves everything to the other sampler.
        strategy: The name of the strategy.
        parameters: Values of its parameters by name, as text.
        other: Decides what the strategy does not; None for a multivariate TPE with the problem's seed.

    Raises:
        StrategyError: There is no such strategy or parameter.
    """

    def __init__(
        self,
        problem: Problem | None = None,
        strategy: str = DEFAULT,
        parameters: Mapping[str, str] | None = None,
        other: optuna.samplers.BaseSampler | None = None,
    ) -> None:
        self._problem = problem
        self._strategy: Strategy | None = None
        if problem is not None:
            self._strategy = make_strategy(strategy, problem, parameters)
        seed = None if problem is None else problem.seed
        self._other = other or optuna.samplers.TPESampler(multivariate=True, seed=seed)
        self._answers: dict[tuple[str, int], dict[str, Any]] = {}

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Returns the choices of the network that the strategy proposes for a trial, as distributions."""
        proposal = self._proposal(study, trial)
        if proposal is None or self._problem is None:
            return self._other.infer_relative_search_space(study, trial)
        known = parameters_of(proposal.configuration, self._problem.space.limits)
        self._answers[study.study_name, trial.number] = known["params"]
        _keep(study, trial, {PARENT: proposal.parent, MOVES: list(proposal.moves)})
        distributions: dict[str, BaseDistribution] = known["distributions"]
        return distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Returns those choices; the other sampler decides for a space that is not that of a proposal."""
        answers = self._answers.pop((study.study_name, trial.number), None)
        if answers is not None and search_space.keys() <= answers.keys():
            return {name: answers[name] for name in search_space}
        found = self._other.sample_relative(study, trial, search_space)
        missing = {name: each for name, each in search_space.items() if name not in found}
        return found | {name: self.sample_independent(study, trial, name, each) for name, each in missing.items()}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401 - whatever the distribution contains
        """Returns what the other sampler decides for a parameter that is none of the proposal's choices."""
        return self._other.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Tells the other sampler that a trial begins."""
        self._other.before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Tells the other sampler that a trial ended."""
        self._other.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Gives the other sampler another seed. A strategy's proposals follow from the trial's number."""
        self._other.reseed_rng()

    def _proposal(self, study: optuna.Study, trial: FrozenTrial) -> Proposal | None:
        """Returns what the strategy proposes; None if it has nothing to do with the study, or no proposal is left."""
        if self._problem is None or self._strategy is None:
            return None
        earlier = [each for each in study.get_trials(deepcopy=False) if each.number < trial.number]
        history = [found for each in earlier if (found := _trial_of(each, self._problem)) is not None]
        if not history and any(each.state == TrialState.COMPLETE for each in earlier):
            return None
        _require_minimised(study, self._problem.objectives)
        return self._strategy.propose(trial.number, history)


def _require_minimised(study: optuna.Study, objectives: Sequence[str]) -> None:
    """Raises a `StrategyError` unless the study minimises as many values as there are objectives."""
    if study.directions != [StudyDirection.MINIMIZE] * len(objectives):
        raise StrategyError(
            f"the study's directions are {', '.join(each.name.lower() for each in study.directions)}",
            where="StrategySampler",
            fix=f"Minimise {len(objectives)} values: {', '.join(objectives)}.",
        )


def _keep(study: optuna.Study, trial: FrozenTrial, attributes: Mapping[str, Any]) -> None:
    """Records attributes of a trial, as Optuna's own samplers do."""
    for name, value in attributes.items():
        study._storage.set_trial_system_attr(trial._trial_id, name, value)  # noqa: SLF001 - there is no public way


def _trial_of(trial: FrozenTrial, problem: Problem) -> Trial | None:
    """Returns a trial of Optuna as one of ours; None if its parameters do not describe a network of the space."""
    try:
        made = ask_configuration(Replayed(trial.params), problem.space.limits)
    except (KeyError, TypeError, ValidationError):
        return None
    whole = problem.space.repaired(made)
    if not problem.space.admits(whole):
        return None
    configuration = problem.space.canonical(whole)
    return Trial(
        number=trial.number,
        configuration=configuration,
        parent=trial.system_attrs.get(PARENT),
        moves=tuple(trial.system_attrs.get(MOVES, ())),
        result=_result_of(trial, configuration, problem),
    )


def _result_of(trial: FrozenTrial, configuration: Configuration, problem: Problem) -> Result | None:
    if not trial.state.is_finished():
        return None
    if trial.state != TrialState.COMPLETE or not all(map(isfinite, trial.values)):
        return Failure(stage="cost", error=trial.state.name, reason="the trial is not complete", seconds={})
    told = {
        name: Objective(value=value, fidelity="analysed")
        for name, value in zip(problem.objectives, trial.values, strict=True)
    }
    known = {} if problem.price is None else problem.price(configuration, "plan").objectives.root
    return Success(
        objectives=Objectives({**known, **told}),
        fits=True,
        check=CrossCheck(images=problem.images, differing=0, onnxruntime_error=0.0),
        model=ModelInfo(name=f"trial {trial.number}", sha256="0" * 64),
        toolchain=_UNKNOWN,
        engine=_UNKNOWN,
        artifacts=Artifacts(),
        seconds={},
    )
