"""Shows a search on the terminal: its progress, then its front."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sparse_mcu.costmodel.cli.console import console, progress_console, table
from sparse_mcu.costmodel.report import ToolInfo
from sparse_mcu.search.evaluation.objectives import KINDS
from sparse_mcu.search.evaluation.result import STAGES, Failure, Stopped, Success
from sparse_mcu.search.results.front import FrontMember, SearchReport
from sparse_mcu.search.run.runner import Event, Exhausted, Finished, Proposing
from sparse_mcu.search.run.runner import Progress as StageProgress
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.study.trial import Trial


class LiveView:
    """Shows the progress of a search: the current stage, a line for each finished trial, and the best values so far.

    Args:
        done: The trials that the study has already.
        total: The number of trials that it will have.
        objectives: The names of the objectives that are shown.
    """

    def __init__(self, done: list[Trial], total: int, objectives: Sequence[str]) -> None:
        self._objectives = objectives
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
        """Shows an event of the runner."""
        match event:
            case Proposing(number):
                self._describe(f"trial {number}: choosing a network")
            case Exhausted(trials):
                self._progress.console.print(f"The search finds no new network, so it ends after {trials} trials.")
            case StageProgress(trial, stage, share):
                step = f"{STAGES.index(stage) + 1}/{len(STAGES)} {stage}" + (f" {share:.0%}" if share else "")
                self._describe(f"trial {trial.number}: {step}")
            case Finished(trial):
                self._progress.advance(self._task)
                self._note_best(trial)
                self._progress.console.print(_line(trial, self._objectives), highlight=False)

    def _note_best(self, trial: Trial) -> None:
        if isinstance(trial.result, Success):
            values = trial.result.objectives.values(self._objectives)
            self._best = [min(pair) for pair in zip(self._best or values, values, strict=True)]

    def _describe(self, what: str) -> None:
        best = f"  best: {_numbers(self._objectives, self._best)}" if self._best else ""
        self._progress.update(self._task, description=what + best)

    def __enter__(self) -> Self:
        """Starts to draw."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops drawing."""
        self._progress.stop()


def show_report(report: SearchReport) -> None:
    """Prints the front, the fidelities of its numbers and a summary of the trials."""
    settings, counts, names = report.settings, report.trials, report.settings.objectives
    first, *others = (KINDS[name].heading for name in names)
    title = f"Pareto front: {settings.dataset} on {settings.board}"
    is_judged = any(member.test for member in report.pareto)
    grid = table(title, "trial", first, *(["test %"] if is_judged else []), *others, "network")
    grid.columns[-1].justify = "left"
    grid.columns[-1].overflow = "fold"  # users copy the network's text, so none of it is cut
    for member in report.pareto:
        first, *others = (_cell(member, name) for name in names)
        test = [_test(member)] if is_judged else []
        grid.add_row(str(member.trial), first, *test, *others, describe(member.configuration))
    console.print(grid)
    best = report.pareto[0].objectives if report.pareto else None
    if best is None:
        console.print("No candidate fits the board and keeps the limits yet. Run more trials or raise the limits.")
    else:
        fidelities = ", ".join(f"{name} {best[name].fidelity}" for name in names)
        console.print(f"Fidelity: {fidelities}.", highlight=False)
        console.print(_about_errors(report.pareto), highlight=False)
    console.print(
        f"Trials: {counts.complete} complete, {counts.beyond_limits} of them beyond the limits; "
        f"{counts.stopped} stopped early; {counts.failed} failed. "
        f"Hypervolume: {report.hypervolume:.4g} decades^{len(names)}. "
        f"Tools: {_tool(settings.toolchain)}, {_tool(settings.engine)}. "
        f"Kernels: chosen for {settings.build.optimise}.",
        highlight=False,
    )


def _tool(tool: ToolInfo) -> str:
    return f"{tool.name} {tool.version}"


def _test(member: FrontMember) -> str:
    test = member.test
    return "-" if test is None else f"{100 * test.mean:.2f}±{100 * test.spread:.2f}"


def _about_errors(members: list[FrontMember]) -> str:
    """Says which images the two errors come from, and how far onnxruntime agrees."""
    most = max(members, key=lambda member: member.check.differing)
    tested = next((member.test for member in members if member.test), None)
    test = f" The test error is that of `judge` on {tested.images} images that the search never saw." if tested else ""
    return (
        f"The error is that on {most.check.images} validation images, which also chose the front.{test} "
        f"± gives one standard error. onnxruntime chooses another class for at most {most.check.differing} of the "
        f"validation images (trial {most.trial})."
    )


def _line(trial: Trial, names: Sequence[str]) -> str:
    match trial.result:
        case Success(objectives=objectives, fits=fits):
            what = _numbers(names, objectives.values(names))
            return f"trial {trial.number}: {what}{'' if fits else '  does not fit'}"
        case Stopped(rungs=rungs, reason=reason):
            last = rungs[-1]
            return f"trial {trial.number}: stopped after {last.share:.0%}: error {100 * last.error:.2f} %; {reason}"
        case Failure(stage=stage, reason=reason):
            return f"trial {trial.number}: failed in {stage}: {reason}"
        case None:
            return f"trial {trial.number}: running"


def _numbers(names: Sequence[str], values: Iterable[float]) -> str:
    return "  ".join(KINDS[name].text(value) for name, value in zip(names, values, strict=True))


def _cell(member: FrontMember, name: str) -> str:
    cell = KINDS[name].cell(member.objectives[name].value)
    return f"{cell}±{100 * member.error_standard_error:.2f}" if name == "error" else cell
