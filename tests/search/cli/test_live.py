"""What a terminal shows while a search runs, and what a file gets."""

from collections.abc import Callable
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.search.cli.live import LiveView
from sparse_mcu.search.evaluation.result import Failure, RungError, Stopped, Success
from sparse_mcu.search.run.runner import Budget, Exhausted, Finished, Progress, Proposing
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Trial

MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="module")
def trials(space: Space, make_result: Callable[..., Success]) -> list[Trial]:
    rng = np.random.default_rng(5)
    configurations = [space.sample(rng) for _ in range(12)]
    done = [Trial(number=n, configuration=c, result=make_result(c)) for n, c in enumerate(configurations[:10])]
    stopped = Stopped(stage="training", reason="hopeless", rungs=(RungError(share=0.25, error=0.5),), seconds={})
    failed = Failure(stage="cost", error="E", reason="no compiler", seconds={})
    return [
        *done,
        Trial(number=10, configuration=configurations[10], result=stopped),
        Trial(number=11, configuration=configurations[11], result=failed),
    ]


def shown(
    trials: list[Trial], settings: Settings, board: Board, budget: Budget, *, is_terminal: bool
) -> tuple[str, str]:
    """Returns what is drawn before the view ends, and all that it printed."""
    times = iter(range(1000))
    console = Console(file=StringIO(), force_terminal=is_terminal, width=160, legacy_windows=False)
    with LiveView([], budget, settings, board, console, lambda: float(next(times))) as view:
        for trial in trials:
            view(Proposing(trial.number))
            view(Progress(trial, "training", 0.5))
            view(Finished(trial))
        view(Exhausted(len(trials)))
        canvas = Console(file=StringIO(), width=160)
        canvas.print(view.drawn())
    assert isinstance(console.file, StringIO)
    assert isinstance(canvas.file, StringIO)
    return canvas.file.getvalue(), console.file.getvalue()


def test_a_file_gets_a_line_for_each_trial(trials: list[Trial], make_settings: MakeSettings, microbit: Board) -> None:
    _, text = shown(trials, make_settings(), microbit, Budget(24), is_terminal=False)
    heading, *lines, last = text.splitlines()
    assert heading.split()[:3] == ["trial", "error", "%"]
    assert [line.split()[0] for line in lines] == [str(number) for number in range(12)]
    assert all(line.endswith(describe(trial.configuration)) for line, trial in zip(lines, trials[:10], strict=False))
    assert lines[10].endswith("stopped after 25% at an error of 50.00 %: hopeless")
    assert lines[11].endswith("failed in cost: no compiler")
    assert last == "The search finds no new network, so it ends after 12 trials."


def test_a_terminal_shows_the_front_and_the_time_left(
    trials: list[Trial], make_settings: MakeSettings, microbit: Board
) -> None:
    drawn, _ = shown(trials, make_settings(), microbit, Budget(24, 60.0), is_terminal=True)
    assert "Front so far: hypervolume" in drawn
    assert "knee" in drawn
    assert "12/24" in drawn
    # Three events of each of twelve trials asked for the time, so 36 of the 60 seconds have passed.
    assert "about 0:24 left" in drawn


def test_the_time_limit_bounds_the_time_left(trials: list[Trial], make_settings: MakeSettings, microbit: Board) -> None:
    drawn, _ = shown(trials[:1], make_settings(), microbit, Budget(1000, 30.0), is_terminal=True)
    assert "about 0:27 left" in drawn
    drawn, _ = shown([], make_settings(), microbit, Budget(1000), is_terminal=True)
    assert "left" not in drawn
