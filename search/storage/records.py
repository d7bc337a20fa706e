"""Writes our records as attributes of Optuna's trials, and reads them back.

Our records are the truth: how a trial was proposed, and its result. Values, constraints, parameters and intermediate
values say the same once more in Optuna's own way, so that its samplers, plots and dashboard understand a study.
"""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.trial import FrozenTrial, TrialState
from pydantic import TypeAdapter
from sqlalchemy import Connection, column, insert, table

from sparse_mcu.search.evaluation.result import Failure, Result, Stopped, Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.strategies.rivals import optuna_asking
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Proposal, Trial

PROPOSAL, NETWORK, RESULT, FILES, WORKER, DEATHS = "proposal", "network", "result", "files", "worker", "deaths"
"""The attributes of a trial: how it was proposed, its network in text form, its result, its files by the hash of their
content, who works on it, and how many workers died over it."""

CONSTRAINTS = "constraints"
"""The attribute of a trial in which Optuna's samplers and dashboard look for constraints; above 0 one is violated."""

_PARAMETERS = table(
    "trial_params", column("trial_id"), column("param_name"), column("param_value"), column("distribution_json")
)
RESULT_RECORD: TypeAdapter[Result] = TypeAdapter(Result)
"""Reads a result of any kind."""


def trial_of(frozen: FrozenTrial) -> Trial | None:
    """Returns our record of a trial of Optuna; None if nothing was proposed for it yet.

    Raises:
        ValueError: The attributes are damaged.
    """
    attributes = frozen.user_attrs
    if PROPOSAL not in attributes:
        return None
    result = (
        RESULT_RECORD.validate_python(attributes[RESULT])
        if frozen.state.is_finished() and RESULT in attributes
        else None
    )
    if frozen.state is TrialState.FAIL and result is None:
        result = Failure(stage="training", error="StudyError", reason="another program marked it as failed", seconds={})
    trial = Trial(number=frozen.number, result=result, **dict(Proposal.model_validate(attributes[PROPOSAL])))
    if frozen.state.is_finished() and (result is None or frozen.state is not state_of(result)):
        raise ValueError(f"trial {frozen.number} is marked {frozen.state.name}, but its result says {trial.state}")
    return trial


def files_of(frozen: FrozenTrial) -> dict[str, str]:
    """Returns the hash of each file of a trial, by its path in the folder of the trial."""
    return dict(frozen.user_attrs.get(FILES, {}))


def proposal_attributes(proposal: Proposal) -> dict[str, Any]:
    """Returns what is recorded of a proposal."""
    record = Proposal(**{name: getattr(proposal, name) for name in Proposal.model_fields})
    return {PROPOSAL: record.model_dump(mode="json"), NETWORK: describe(proposal.configuration)}


def result_attributes(result: Result, files: Mapping[str, str]) -> dict[str, Any]:
    """Returns what is recorded of a result and of the files that belong to it."""
    return {RESULT: result.model_dump(mode="json"), FILES: dict(files)}


def parameters_of(configuration: Configuration, limits: Limits) -> dict[str, tuple[Any, BaseDistribution]]:
    """Returns the parameters of a configuration with their distributions, as a conditional space.

    A configuration that the limits do not contain has none: the user's own networks of old studies, for example.
    """
    try:
        known = optuna_asking.parameters_of(configuration, limits)
        pairs = {name: (known["params"][name], each) for name, each in known["distributions"].items()}
        is_contained = all(each._contains(each.to_internal_repr(value)) for value, each in pairs.values())  # noqa: SLF001
    except (KeyError, ValueError):
        return {}
    return pairs if is_contained else {}


def write_parameters(
    connection: Connection, trial_id: int, parameters: Mapping[str, tuple[Any, BaseDistribution]]
) -> None:
    """Writes the parameters of a trial that has none yet.

    Optuna's storage asks two questions before it writes each of them: 80 ms of CPU for the 35 of a trial. This writes
    the rows that it would write, in one step of 2 ms. A database with tables of another version was refused before.
    """
    rows = [
        {
            "trial_id": trial_id,
            "param_name": name,
            "param_value": distribution.to_internal_repr(value),
            "distribution_json": distribution_to_json(distribution),
        }
        for name, (value, distribution) in parameters.items()
    ]
    if rows:
        connection.execute(insert(_PARAMETERS), rows)


def state_of(result: Result) -> TrialState:
    """Returns the state that Optuna gives to a trial with that result."""
    match result:
        case Success():
            return TrialState.COMPLETE
        case Stopped():
            return TrialState.PRUNED
        case Failure():
            return TrialState.FAIL


def values_of(result: Result, settings: Settings) -> list[float] | None:
    """Returns the objectives of a complete trial in their order; None for other trials."""
    return list(result.objectives.values(settings.objectives)) if isinstance(result, Success) else None


def constraints_of(result: Result, settings: Settings) -> list[float]:
    """Returns by how much a complete trial exceeds each of the user's limits, and 1 if it does not fit its board."""
    if not isinstance(result, Success):
        return []
    excess = [result.objectives[name].value - limit for name, limit in settings.bounds.root.items()]
    return [*excess, 0.0 if result.fits else 1.0]


def intermediate_values_of(result: Result) -> dict[int, float]:
    """Returns the errors at the rungs of the training, by the share of it that was done, in per cent."""
    rungs = () if isinstance(result, Failure) else result.rungs
    return {round(100 * rung.share): rung.error for rung in rungs}
