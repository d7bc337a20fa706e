"""Writes the report of a trial as the note that optuna-dashboard shows beside it.

The dashboard keeps notes as attributes of the study, in pieces of limited length.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.evaluation.objectives import KINDS
from sparse_mcu.search.evaluation.result import Artifacts, Failure, Stopped, Success
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Trial

_PIECE = 2045  # characters; databases of old held no longer attributes


def note_attributes(body: str, trial_id: int | None = None) -> dict[str, int | str]:
    """Returns the attributes of a study that are a note.

    Args:
        body: The note, as Markdown.
        trial_id: Optuna's id of the trial that it belongs to; None if it belongs to the study.
    """
    prefix = "dashboard:" if trial_id is None else f"dashboard:{trial_id}:"
    pieces = [body[start : start + _PIECE] for start in range(0, len(body), _PIECE)]
    return {f"{prefix}note_ver": 1, **{f"{prefix}note_str:{index}": piece for index, piece in enumerate(pieces)}}


def study_note(settings: Settings) -> str:
    """Returns what a study searches for, as Markdown."""
    limits = ", ".join(f"{name} {limit:g}" for name, limit in settings.bounds.root.items()) or "those of the board"
    return (
        f"**{settings.dataset}** on **{settings.board}**, by the strategy `{settings.strategy.name}` with seed "
        f"{settings.seed}.\n\nObjectives: {', '.join(settings.objectives)}. Limits: {limits}.\n\n"
        f"sparse-mcu {settings.project_version}, {settings.toolchain.name} {settings.toolchain.version}, "
        f"{settings.engine.name} {settings.engine.version}.\n"
    )


def trial_note(trial: Trial, report: SimulationReport | None) -> str:
    """Returns the report of a finished trial, as Markdown.

    Args:
        trial: The trial.
        report: What `simulate` said about its firmware; None if there is none.
    """
    return "\n".join([f"`{describe(trial.configuration)}`", "", *_outcome(trial), *_costs(report)]) + "\n"


def report_in(folder: Path) -> SimulationReport | None:
    """Returns what `simulate` said about the trial whose files are in a folder; None if there is nothing to read."""
    try:
        return SimulationReport.model_validate_json((folder / Artifacts().report).read_bytes())
    except (OSError, ValidationError):
        return None


def _outcome(trial: Trial) -> Iterator[str]:
    if trial.parent is not None:
        yield f"Made from trial {trial.parent} by {', '.join(trial.moves) or 'no move'}."
        yield ""
    match trial.result:
        case Success(objectives=objectives, fits=fits, seconds=seconds):
            yield from ("| objective | value | fidelity |", "|---|---|---|")
            for name, objective in objectives.root.items():
                kind = KINDS[name]
                unit = "%" if kind.unit == "share" else kind.unit
                yield f"| {kind.label} | {kind.cell(objective.value)} {unit} | {objective.fidelity} |"
            yield ""
            yield f"It {'fits' if fits else 'does not fit'} its board. It took {sum(seconds.values()):.1f} s."
        case Stopped(reason=reason, rungs=rungs):
            last = rungs[-1]
            yield f"Stopped after {last.share:.0%} of its training, with an error of {last.error:.2%}: {reason}"
        case Failure(stage=stage, error=error, reason=reason):
            yield f"Failed in {stage} ({error}): {reason}"


def _costs(report: SimulationReport | None) -> Iterator[str]:
    if report is None:
        return
    ram, flash = report.ram, report.flash
    yield from ("", "| memory | bytes | |", "|---|---|---|")
    yield (
        f"| RAM | {ram.total_bytes} of {ram.capacity_bytes} | "
        f"arena {ram.arena_bytes}, static {ram.static_bytes}, stack {ram.stack_bytes} |"
    )
    yield (
        f"| flash | {flash.total_bytes} of {flash.capacity_bytes} | "
        f"code {flash.code_bytes}, weights {flash.weights_bytes}, constants {flash.constants_bytes} |"
    )
    yield from ("", "| layer | kernel | cycles |", "|---|---|---|")
    for layer in report.cycles.layers:
        yield f"| {layer.layer} | {layer.kernel} | {layer.cycles} |"
