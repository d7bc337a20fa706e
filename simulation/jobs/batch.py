"""Simulates several models, and records for each of them what it costs or what was wrong with it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.report import BatchReport, BatchResult, SimulationReport
from sparse_mcu.simulation.jobs.job import Job
from sparse_mcu.simulation.jobs.pool import Outcome, simulate_many

NOT_SIMULATED = "not simulated: interrupted"


def simulate_batch(
    jobs: Sequence[Job], *, workers: int | None = None, on_done: Callable[[Job, Outcome], None] = lambda *_: None
) -> BatchReport:
    """Simulates all jobs. Ctrl-C ends the jobs that are running and keeps the results so far.

    Args:
        jobs: What to simulate.
        workers: How many jobs run at once; None for one per core.
        on_done: Is told each outcome as it comes.

    Raises:
        SparseMcuError: Workers cannot be started; see `sparse_mcu.simulation.jobs.pool.SimulationPool`.
    """
    outcomes: dict[int, Outcome] = {}

    def keep(index: int, outcome: Outcome) -> None:
        outcomes[index] = outcome
        on_done(jobs[index], outcome)

    try:
        simulate_many(jobs, workers=workers, on_done=keep)
    except KeyboardInterrupt:
        interrupted = True
    else:
        interrupted = False
    results = [_result(job, outcomes.get(index)) for index, job in enumerate(jobs)]
    return BatchReport(project_version=__version__, interrupted=interrupted, results=results)


def folders_in(directory: Path, models: Sequence[Path]) -> list[Path]:
    """Returns a folder in `directory` for each model, named after the model's file.

    Raises:
        SparseMcuError: Two models have the same file name.
    """
    folders = {directory / model.stem: model for model in models}
    if len(folders) < len(models):
        raise SparseMcuError(
            "two models have the same file name, so they would write the same folder",
            where=str(directory),
            fix="Rename one of them, or simulate them one by one with different folders.",
        )
    return list(folders)


def _result(job: Job, outcome: Outcome | None) -> BatchResult:
    report = outcome if isinstance(outcome, SimulationReport) else None
    error = None if report is not None else NOT_SIMULATED if outcome is None else str(outcome)
    return BatchResult(file=str(job.model), report=report, error=error)
