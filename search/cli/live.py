"""Shows a search while it runs: a line for each trial that ended, and below them the front so far."""

import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sparse_mcu.costmodel.cli.console import progress_console, table
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.search.evaluation.objectives import KINDS
from sparse_mcu.search.evaluation.result import STAGES, Failure, Stopped, Success
from sparse_mcu.search.results.front import front_volume, knee_first, pareto_front
from sparse_mcu.search.run.runner import Budget, Event, Exhausted, Finished, Proposing
from sparse_mcu.search.run.runner import Progress as StageProgress
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Trial

_ROWS = 8
_LEAST_WIDTH = 10


class LiveView:
    """Shows the progress of a search. Use it in a `with` statement, and call it with the events of the runner.

    A terminal shows what runs, the time that is left, the hypervolume and the front so far. A file or a pipe gets the
    lines of the trials only.

    Args:
        done: The trials that the study has already.
        budget: When the search stops.
        settings: The settings of the study.
        board: Its board.
        console: Where to draw.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        done: Sequence[Trial],
        budget: Budget,
        settings: Settings,
        board: Board,
        console: Console = progress_console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trials = {trial.number: trial for trial in done if trial.result is not None}
        self._budget, self._settings, self._board, self._console = budget, settings, board, console
        self._clock, self._start, self._ended_here = clock, clock(), 0
        self._progress = Progress(
            TextColumn("[bold]trials"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}{task.description}"),
            console=console,
        )
        self._task = self._progress.add_task("", total=budget.trials, completed=len(self._trials), left="")
        self._live = Live(console=console, transient=True, refresh_per_second=4, vertical_overflow="crop")
        self._draw_front()

    def __call__(self, event: Event) -> None:
        """Shows an event of the runner."""
        match event:
            case Proposing(number):
                self._describe(f"trial {number}: choosing a network")
            case Exhausted(trials):
                self._console.print(f"The search finds no new network, so it ends after {trials} trials.")
            case StageProgress(trial, stage, share):
                step = f"{STAGES.index(stage) + 1}/{len(STAGES)} {stage}" + (f" {share:.0%}" if share else "")
                self._describe(f"trial {trial.number}: {step}")
            case Finished(trial):
                if not self._ended_here:
                    self._console.print(_heading(self._settings.objectives), highlight=False, style="bold")
                self._ended_here += 1
                self._trials[trial.number] = trial
                self._progress.update(self._task, completed=len(self._trials), left=self._left())
                self._console.print(_line(trial, self._settings.objectives), highlight=False, soft_wrap=True)
                self._draw_front()

    def _describe(self, what: str) -> None:
        self._progress.update(self._task, description=what, left=self._left())

    def _left(self) -> str:
        """Returns the time until the search ends: the rest of its time, or what its trials take, whichever is less."""
        passed = self._clock() - self._start
        missing = self._budget.trials - len(self._trials)
        lefts = [] if self._budget.seconds is None else [max(self._budget.seconds - passed, 0.0)]
        if self._ended_here:
            lefts.append(passed / self._ended_here * missing)
        if not lefts:
            return ""
        minutes, seconds = divmod(round(min(lefts)), 60)
        return f"about {minutes}:{seconds:02d} left  "

    def drawn(self) -> RenderableType:
        """Returns what a terminal shows at the moment."""
        return Group(self._front(), self._progress)

    def _draw_front(self) -> None:
        if self._console.is_terminal:
            self._live.update(self.drawn())

    def _front(self) -> Table:
        """Returns the knee of the front so far and the members with the least of the first objective."""
        names = self._settings.objectives
        front = pareto_front(list(self._trials.values()), self._settings.bounds, names)
        volume = front_volume(front, self._board, names)
        shown = knee_first(front, names)[:_ROWS]
        more = f", {len(shown)} of {len(front)} shown" if len(shown) < len(front) else ""
        title = f"Front so far: hypervolume {volume:.4g} decades^{len(names)}{more}"
        grid = table(title, "trial", *(KINDS[name].heading for name in names), "network")
        for column in grid.columns[:-1]:
            column.min_width = _LEAST_WIDTH  # a long network takes no room from the numbers
        grid.columns[-1].justify, grid.columns[-1].no_wrap = "left", True
        for index, (trial, result) in enumerate(shown):
            cells = (KINDS[name].cell(result.objectives[name].value) for name in names)
            number = f"{trial.number}{' knee' if index == 0 and len(front) > 1 else ''}"
            grid.add_row(number, *cells, describe(trial.configuration))
        return grid

    def __enter__(self) -> Self:
        """Starts to draw."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops drawing."""
        self._live.stop()


def _heading(names: Sequence[str]) -> str:
    return _columns("trial", [KINDS[name].heading for name in names], names, "network, or why it ended")


def _line(trial: Trial, names: Sequence[str]) -> str:
    """Returns what came of a trial: its objectives and its network, or why it has none."""
    empty = [""] * len(names)
    match trial.result:
        case Success(objectives=objectives, fits=fits):
            cells = [KINDS[name].cell(objectives[name].value) for name in names]
            what = describe(trial.configuration) + ("" if fits else "  (does not fit)")
            return _columns(str(trial.number), cells, names, what)
        case Stopped(rungs=rungs, reason=reason):
            last = rungs[-1]
            what = f"stopped after {last.share:.0%} at an error of {100 * last.error:.2f} %: {reason}"
            return _columns(str(trial.number), empty, names, what)
        case Failure(stage=stage, reason=reason):
            return _columns(str(trial.number), empty, names, f"failed in {stage}: {reason}")
        case None:
            return _columns(str(trial.number), empty, names, "running")


def _columns(number: str, cells: Iterable[str], names: Sequence[str], what: str) -> str:
    widths = (max(_LEAST_WIDTH, len(KINDS[name].heading)) for name in names)
    return (
        f"{number:>5}" + "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True)) + f"  {what}"
    )
