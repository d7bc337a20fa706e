"""Shows the running stage of a trial."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from sparse_mcu.costmodel.cli.console import progress_console
from sparse_mcu.search.evaluation.result import STAGES, Stage


@contextmanager
def stage_progress(title: str = "") -> Iterator[Callable[[Stage, float], None]]:
    """Shows the running stage and its progress in a `with` block.

    Args:
        title: What stands before the stage.
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), TimeElapsedColumn())
    with Progress(*columns, console=progress_console, transient=True) as progress:
        task = progress.add_task("", total=1.0)

        def on_progress(stage: Stage, share: float) -> None:
            description = f"{title}{STAGES.index(stage) + 1}/{len(STAGES)} {stage}"
            progress.update(task, completed=share, description=description)

        yield on_progress
