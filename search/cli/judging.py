"""Runs one call of `judge`: it opens the study, trains the finalists anew, and shows their errors and costs."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.cli.console import console, progress_console, table
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.search.evaluation.costs import with_levers
from sparse_mcu.search.evaluation.objectives import KINDS
from sparse_mcu.search.evaluation.spot_check import SpotCheck, spot_check
from sparse_mcu.search.results.front import successes
from sparse_mcu.search.results.judgement import ErrorOfSeeds, Finalist, JudgeReport
from sparse_mcu.search.run.judge import Judge, OnShare, finalists_of
from sparse_mcu.search.run.local import Setup, crew_of
from sparse_mcu.search.space.configuration import LeverChoice
from sparse_mcu.search.storage.place import Place
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Trial
from sparse_mcu.simulation.engines import EngineChoice
from sparse_mcu.simulation.execution.target import Target

LONGER = 4
"""How many times the epochs of the search a finalist gets. docs/search.md has what 4 and 8 times gave on mnist5k."""

_COSTS = ("ram_bytes", "flash_bytes", "latency_ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRequest:
    """The user's request.

    Attributes:
        data: Gives the images of the dataset of that name.
        trials: The numbers of the finalists; None names none.
        best: The number of trials with the least validation error that are finalists; None for the front.
        seeds: The number of trainings that each finalist gets.
        epochs: The number of passes over the training images; None for LONGER times that of the study's recipe.
        fine_tuning: The number of passes of quantisation-aware training after them.
        refit: Whether they are trained on the validation images, too.
        jobs: The number of trainings that run at once.
        board: The file of the study's board; None for the one of the catalogue.
    """

    data: Callable[[str], DataRequest]
    trials: tuple[int, ...] | None
    best: int | None
    seeds: int
    epochs: int | None
    fine_tuning: int
    refit: bool
    jobs: int
    board: str | None


def run_judge(place: Place, request: JudgeRequest, output: Path | None) -> JudgeReport:
    """Judges the finalists of a study.

    Args:
        place: Where the study is.
        request: What to judge, and how.
        output: The folder that gets the median seed of each finalist; None copies nothing.

    Raises:
        SparseMcuError: The study, its board or its tools are missing, or its images are others or have no test part.
    """
    with Study.load(place) as study:
        settings, finalists = study.settings, finalists_of(study, request.trials, request.best)
        board = _board_of(settings, request.board)
        dataset = _dataset_of(study, request)
        target = Target(board, settings.toolchain.name, EngineChoice(settings.engine.name))
        setup = Setup(
            data=request.data(settings.dataset),
            recipe=settings.recipe.with_epochs(request.epochs or LONGER * settings.recipe.epochs),
            target=target,
            options=settings.build,
            fine_tuning=request.fine_tuning,
            refit=request.refit,
        )
        with target.tools() as tools:
            toolchain, engine = tools.infos

            def check(model: Path, levers: LeverChoice) -> SpotCheck:
                return spot_check(model, dataset.test.images, target, with_levers(settings.build, levers), tools)

            judge = Judge(
                study=study,
                dataset=dataset,
                evaluate=setup.evaluator(dataset, tools),
                check=check,
                seeds=range(request.seeds),
                facts=repr((board, toolchain, engine, settings.build)),
                refit=request.refit,
                crew=crew_of(setup, request.jobs) if request.jobs > 1 else None,
            )
            judged = _judge_all(judge, finalists)
        if output is not None:
            _copy_medians(study, finalists, judged, output)
        searched = {trial.number: result.objectives["error"].value for trial, result in successes(finalists)}
        return JudgeReport(
            study=str(place),
            dataset=dataset.name,
            dataset_fingerprint=dataset.fingerprint,
            test_fingerprint=dataset.test_fingerprint,
            board=board.name,
            toolchain=toolchain,
            engine=engine,
            project_version=__version__,
            finalists=sorted(
                judged, key=lambda each: each.validation.mean if each.validation else searched[each.trial]
            ),
        )


def _board_of(settings: Settings, named: str | None) -> Board:
    board = load_board(named or settings.board)
    if board.name != settings.board:
        raise StudyError(f"the study is for {settings.board}, not for {board.name}", where="--board", fix="Name that.")
    return board


def _dataset_of(study: Study, request: JudgeRequest) -> Dataset:
    """Returns the dataset of the study, whose test part is there.

    Raises:
        SparseMcuError: The images are not those of the study, or the test part is missing.
    """
    settings = study.settings
    with progress_console.status(f"loading {settings.dataset}"):
        dataset = request.data(settings.dataset).load()
        if dataset.fingerprint != settings.dataset_fingerprint:
            raise StudyError(
                f"the images or their split are not those of the study: fingerprint {dataset.fingerprint[:12]} "
                f"instead of {settings.dataset_fingerprint[:12]}",
                where=str(study.place),
                fix="Give the options of data that the search had.",
            )
        dataset.load_test()
    return dataset


def _judge_all(judge: Judge, finalists: Sequence[Trial]) -> list[Finalist]:
    with _progress(len(finalists) * len(judge.seeds)) as on_share:
        try:
            return judge(finalists, on_share)
        except KeyboardInterrupt:
            progress_console.print("Stopped. What is judged is kept; the same command continues from there.")
            raise


@contextmanager
def _progress(total: int) -> Iterator[OnShare]:
    """Shows which finalist is trained with which seed, in a `with` block."""
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn())
    shares = dict[tuple[int, int], float]()
    with Progress(*columns, console=progress_console, transient=True) as progress:
        task = progress.add_task("finalists", total=total)

        def on_share(trial: Trial, seed: int, share: float) -> None:
            shares[trial.number, seed] = share
            progress.update(task, completed=sum(shares.values()), description=f"trial {trial.number}, seed {seed}")

        yield on_share


def _copy_medians(study: Study, trials: Sequence[Trial], finalists: Sequence[Finalist], output: Path) -> None:
    for trial, finalist in zip(trials, finalists, strict=True):
        (median,) = (seed for seed in finalist.seeds if seed.seed == finalist.median_seed)
        target = output / study.folder(trial).name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(study.folder(trial) / median.folder, target)


def show_judgement(report: JudgeReport) -> None:
    """Prints the finalists with both errors, their spread, and the costs of the median seed."""
    costs = [KINDS[name].heading for name in _COSTS]
    grid = table(f"Finalists: {report.dataset} on {report.board}", "trial", "valid. %", "test %", *costs, "network")
    grid.columns[-1].justify = "left"
    grid.columns[-1].overflow = "fold"  # users copy the network's text, so none of it is cut
    for each in report.finalists:
        values = [KINDS[name].cell(each.objectives[name].value) for name in _COSTS]
        mark = "" if each.fits else " (does not fit)"
        grid.add_row(str(each.trial), _cell(each.validation), _cell(each.test), *values, each.network + mark)
    console.print(grid)
    first, is_refit = report.finalists[0].test, report.finalists[0].validation is None
    median = (
        "in the middle. All were trained on the validation images, too"
        if is_refit
        else "with the median validation error"
    )
    console.print(
        f"Errors of the integer reference: the mean of {first.seeds} trainings, ± their standard deviation. The choice "
        f"of {first.images:,} test images adds a standard error of "
        f"{100 * max(each.test.standard_error for each in report.finalists):.2f} at most. Costs are those of the seed "
        f"{median}. The test images chose nothing; choose nothing by them.",
        highlight=False,
    )
    checks = [seed.spot_check for each in report.finalists for seed in each.seeds]
    console.print(
        f"Emulated core: {sum(check.differing for check in checks)} of {sum(check.images for check in checks)} runs on "
        "test images gave other outputs than the integer reference.",
        highlight=False,
    )


def _cell(error: ErrorOfSeeds | None) -> str:
    if error is None:
        return "-"
    spread = "" if error.deviation is None else f"±{100 * error.deviation:.2f}"
    return f"{100 * error.mean:.2f}{spread}"
