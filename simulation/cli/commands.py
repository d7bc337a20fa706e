"""Defines the commands `analyze` and `simulate`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.progress import MofNCompleteColumn, Progress

from sparse_mcu.costmodel.cli.console import emit, progress_console
from sparse_mcu.costmodel.cli.options import OutputFile, examples
from sparse_mcu.costmodel.cli.root import EXIT_CHECK_FAILED, EXIT_INTERRUPTED, EXIT_USER_ERROR
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.errors import EngineError, SparseMcuError
from sparse_mcu.simulation import api
from sparse_mcu.simulation.cli import tables
from sparse_mcu.simulation.cli.batch_table import show_batch
from sparse_mcu.simulation.cli.options import board_options, build_options, model_and_board
from sparse_mcu.simulation.engines import EngineChoice
from sparse_mcu.simulation.execution.run import DEFAULT_BUDGET_INSTRUCTIONS
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.jobs.batch import folders_in, simulate_batch
from sparse_mcu.simulation.jobs.job import Job
from sparse_mcu.simulation.jobs.pool import Outcome


@click.command(
    short_help="Find a model's exact RAM and flash, what fills them, and whether it fits.",
    epilog=examples(
        "analyze model.onnx --board nucleo-l4r5zi",
        "analyze model.onnx --board nucleo-l4r5zi --stream --explain --plot arena.svg",
        "analyze model.onnx --board microbit --no-build --json -",
    ),
)
@model_and_board
@build_options
@click.option("--no-build", is_flag=True, help="Run no compiler. Then code and stack are unknown.")
@click.option(
    "--explain",
    is_flag=True,
    help="Show all buffers, why the arena is not smaller, and what each lever of the planner saves.",
)
@click.option(
    "--plot", type=OutputFile(".svg", ".png"), metavar="FILE", help="Draw the arena into an .svg or .png file."
)
@click.option("--problem", type=OutputFile(), metavar="FILE", help="Write the planning problem, which `plan` reads.")
@click.pass_context
def analyze(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    model: Path,
    board: Board,
    toolchain: str | None,
    options: BuildOptions,
    no_build: bool,
    explain: bool,
    plot: Path | None,
    problem: Path | None,
    json_target: str | None,
) -> None:
    """Find the exact RAM and flash of an int8 MODEL.onnx on a board, the arena's peak and a map of it.

    The map shows steps from left to right and addresses from bottom to top. If a letter changes within a step, the
    step's output takes the place of its input. The exit code is 1 if the model does not fit. The command then also
    shows which buffers do not fit into RAM together.
    """
    with progress_console.status(f"analyzing {model.name}"):
        report = api.analyze(
            model,
            board,
            options=options,
            toolchain=toolchain,
            build=not no_build,
            explain=explain,
            plot=plot,
            problem=problem,
        )
    emit(report, json_target, lambda: tables.show_analysis(report, explain=explain))
    if report.fits is False:
        ctx.exit(EXIT_CHECK_FAILED)


@click.command(
    short_help="Count a model's cycles on an emulated core, and check its outputs.",
    epilog=examples(
        "simulate model.onnx --board nucleo-l4r5zi",
        "simulate model.onnx --board nucleo-l4r5zi --optimise speed --firmware build",
        "simulate *.onnx --board microbit --json costs.json",
    ),
)
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="MODEL.onnx ...")
@board_options
@build_options
@click.option(
    "--engine",
    default="unicorn",
    show_default=True,
    metavar="NAME",
    help="The emulator: unicorn or renode. `both` runs both and compares them.",
)
@click.option("--renode", type=click.Path(path_type=Path), metavar="PATH", help="The program or folder of Renode.")
@click.option(
    "--input",
    "input_file",
    type=click.Path(path_type=Path),
    metavar="X.npy",
    help="The input, as the model takes it or as int8 NHWC. A fixed pseudo-random one by default.",
)
@click.option(
    "--budget",
    type=click.IntRange(min=1),
    default=DEFAULT_BUDGET_INSTRUCTIONS,
    help="Give up after this many instructions.",
)
@click.option(
    "--firmware",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the sources, the ELF and a script that repeats the run in this folder.",
)
@click.option(
    "--profile",
    type=OutputFile(),
    metavar="FILE",
    help="Write Renode's own profile of one model's run, which renode-colab-tools reads.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Simulate this many models at once; one for each core by default.",
)
@click.option("--no-cache", is_flag=True, help="Compile and run everything, even what was compiled and run before.")
@click.pass_context
def simulate(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    models: tuple[Path, ...],
    board: Board,
    toolchain: str | None,
    options: BuildOptions,
    engine: str,
    renode: Path | None,
    input_file: Path | None,
    budget: int,
    firmware: Path | None,
    profile: Path | None,
    jobs: int | None,
    no_cache: bool,
    json_target: str | None,
) -> None:
    """Run one inference of an int8 MODEL.onnx on the emulated core and count its cycles.

    Several models are simulated side by side and shown in one table. Each gets the same numbers as alone. Ctrl-C keeps
    the results so far. With --firmware, each model gets a folder of its own there, named after its file.

    The exit code is 1 if a model does not fit or if its outputs differ from the integer reference. It is 2 if a model
    could not be simulated.
    """
    if profile is not None and len(models) > 1:
        raise EngineError(
            "a profile is of one run, but there are several models",
            where="--profile",
            fix="Simulate one model, or leave the option out.",
        )
    choice, is_cached = EngineChoice.of(engine, renode=renode, profile=profile), not (no_cache or profile)
    if len(models) > 1:
        target = Target(board, toolchain, choice, is_cached)
        like = Job(models[0], target, options, input_file, budget, firmware)
        _simulate_many(ctx, like, models, jobs, json_target)
        return
    with progress_console.status(f"simulating {models[0].name}"):
        report = api.simulate(
            models[0],
            board,
            options=options,
            toolchain=toolchain,
            engine=choice,
            inputs=input_file,
            budget_instructions=budget,
            firmware=firmware,
            is_cached=is_cached,
        )
    emit(report, json_target, lambda: tables.show_simulation(report))
    if not report.fits or not report.outputs_match_reference:
        ctx.exit(EXIT_CHECK_FAILED)


def _simulate_many(
    ctx: click.Context, like: Job, models: Sequence[Path], workers: int | None, json_target: str | None
) -> None:
    """Simulates each model in the way that `like` describes."""
    with like.target.tools() as found:  # reports a missing tool once, and gives all models the same compiler
        like = replace(like, target=replace(like.target, toolchain=found.toolchain.name))
    folders = [None] * len(models) if like.directory is None else folders_in(like.directory, models)
    jobs = [replace(like, model=model, directory=folder) for model, folder in zip(models, folders, strict=True)]
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=progress_console) as progress:
        task = progress.add_task("simulating", total=len(jobs))

        def on_done(job: Job, outcome: Outcome) -> None:
            progress.update(task, advance=1, description=f"simulated {job.model.name}")
            if isinstance(outcome, SparseMcuError):
                progress.console.print(f"Error: {outcome}", markup=False, highlight=False, soft_wrap=True)

        report = simulate_batch(jobs, workers=workers, on_done=on_done)
    emit(report, json_target, lambda: show_batch(report))
    if report.interrupted:
        done = sum(result.report is not None for result in report.results)
        progress_console.print(f"Interrupted; {done} of {len(jobs)} models were simulated.")
        ctx.exit(EXIT_INTERRUPTED)
    if not report.passes:
        ctx.exit(EXIT_USER_ERROR if report.has_errors else EXIT_CHECK_FAILED)
