"""What `search` shows on the terminal: live progress, then the front."""

from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sparse_mcu.costmodel.cli.console import console, progress_console, table
from sparse_mcu.search.evaluation.objectives import OBJECTIVES, Objectives
from sparse_mcu.search.evaluation.result import STAGES, Failure, Success
from sparse_mcu.search.results.front import FrontMember, SearchReport
from sparse_mcu.search.run.runner import Event, Exhausted, Finished, Proposing
from sparse_mcu.search.run.runner import Progress as StageProgress
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.study.trial import Trial


class LiveView:
    """Progress of a search: the running stage, finished trials line by line, the best of each objective.

    Args:
        done: Trials that the study has already.
        total: Trials that it is to have.
    """

    def __init__(self, done: list[Trial], total: int) -> None:
        self._progress = Progress(
            TextColumn("[bold]{task.fields[title]}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=progress_console,
            transient=True,
        )
        self._best: list[float] = []
        finished = [trial for trial in done if trial.result is not None]
        self._task = self._progress.add_task("", total=total, completed=len(finished), title="trials")
        for trial in finished:
            self._note_best(trial)

    def __call__(self, event: Event) -> None:
        """Show an event of the runner."""
        match event:
            case Proposing(number):
                self._describe(f"trial {number}: proposing")
            case Exhausted(trials):
                self._progress.console.print(
                    f"Every network that the search finds is tried: it ends at {trials} trials."
                )
            case StageProgress(trial, stage, share):
                step = f"{STAGES.index(stage) + 1}/{len(STAGES)} {stage}" + (f" {share:.0%}" if share else "")
                self._describe(f"trial {trial.number}: {step}")
            case Finished(trial):
                self._progress.advance(self._task)
                self._note_best(trial)
                self._progress.console.print(_line(trial), highlight=False)

    def _note_best(self, trial: Trial) -> None:
        if isinstance(trial.result, Success):
            values = trial.result.objectives.values
            self._best = [min(pair) for pair in zip(self._best or values, values, strict=True)]

    def _describe(self, what: str) -> None:
        best = f"  best: {_numbers(*self._best)}" if self._best else ""
        self._progress.update(self._task, description=what + best)

    def __enter__(self) -> Self:
        """Start to draw."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop drawing."""
        self._progress.stop()


def show_report(report: SearchReport) -> None:
    """Print the front and where its files are."""
    settings, counts = report.settings, report.trials
    grid = table(
        f"Pareto front: {settings.dataset} on {settings.board}",
        "trial", "error %", "test error %", "RAM B", "flash B", "latency ms", "network",
    )  # fmt: skip
    grid.columns[-1].justify = "left"
    for member in report.pareto:
        error, ram, flash, latency = _cells(member.objectives)
        error += f" +- {100 * member.error_standard_error:.2f}"
        grid.add_row(str(member.trial), error, _test(member), ram, flash, latency, describe(member.configuration))
    console.print(grid)
    first = report.pareto[0].objectives if report.pareto else None
    if first is None:
        console.print("No candidate fits the board and the limits yet; run more trials or widen the limits.")
    else:
        fidelities = ", ".join(f"{name} {getattr(first, name).fidelity}" for name in OBJECTIVES)
        console.print(f"Fidelity: {fidelities}.", highlight=False)
        console.print(_about_errors(report.pareto), highlight=False)
    console.print(
        f"{counts.complete} trials complete ({counts.beyond_limits} beyond the limits), {counts.failed} failed; "
        f"hypervolume {report.hypervolume:.4g} decades^4; {settings.toolchain.name} {settings.toolchain.version}, "
        f"{settings.engine.name} {settings.engine.version}, kernels for {settings.build.optimise}.",
        highlight=False,
    )


def _test(member: FrontMember) -> str:
    test = member.test
    return "-" if test is None else f"{100 * test.value:.2f} +- {100 * test.standard_error:.2f}"


def _about_errors(members: list[FrontMember]) -> str:
    """What the two errors are, and how far onnxruntime agrees."""
    most = max(members, key=lambda member: member.check.differing)
    tested = most.test.images if most.test else "no"
    return (
        f"Errors +- one standard error: on {most.check.images} validation images, by which the front was chosen, and "
        f"on {tested} test images, which the search never saw. onnxruntime's class differs in at most "
        f"{most.check.differing} of {most.check.images} validation images of a member (trial {most.trial})."
    )


def _line(trial: Trial) -> str:
    match trial.result:
        case Success(objectives=objectives, fits=fits):
            return f"trial {trial.number}: {_numbers(*objectives.values)}{'' if fits else '  does not fit'}"
        case Failure(stage=stage, reason=reason):
            return f"trial {trial.number}: failed in {stage}: {reason}"
        case None:
            return f"trial {trial.number}: running"


def _numbers(error: float, ram: float, flash: float, latency: float) -> str:
    return f"error {error:.2%}  RAM {ram:.0f} B  flash {flash:.0f} B  {latency:.3g} ms"


def _cells(objectives: Objectives) -> tuple[str, str, str, str]:
    error, ram, flash, latency = objectives.values
    return f"{100 * error:.2f}", f"{ram:.0f}", f"{flash:.0f}", f"{latency:.3f}"
