"""Commands of this package: `analyze` and `simulate`."""

import tempfile
from pathlib import Path

import click

from costmodel.cli import EXIT_CHECK_FAILED, Decorated, emit, json_option, progress_console
from costmodel.devices import load_board
from costmodel.memory.levers import Levers
from costmodel.memory.options import memory_options
from simulation import tables
from simulation.analysis import analyze_model
from simulation.engines import find_engine
from simulation.firmware.kernels import DEFAULT, OPTIMISE, Optimise
from simulation.inputs import load_inputs
from simulation.run import DEFAULT_BUDGET_INSTRUCTIONS, simulate_model
from simulation.toolchain import find_toolchain


def model_and_board(command: Decorated) -> Decorated:
    """Add the model, the board, the toolchain, `--optimise` and `--json`."""
    command = click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.onnx")(command)
    command = click.option("--board", required=True, metavar="NAME", help="See `sparse-mcu boards`.")(command)
    command = click.option(
        "--toolchain",
        metavar="NAME",
        help="arm-none-eabi-gcc (default where it is on PATH) or zig (comes with pip).",
    )(command)
    command = click.option(
        "--optimise",
        type=click.Choice(OPTIMISE),
        default=DEFAULT,
        show_default=True,
        help="What kernels are chosen for: cycles, bytes of flash, or both within a twentieth more RAM.",
    )(command)
    return json_option(command)


@click.command()
@model_and_board
@memory_options
@click.option("--no-build", is_flag=True, help="No compiler: everything but code and stack.")
@click.option("--explain", is_flag=True, help="Show all buffers, why the arena is not smaller, what each lever saves.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the arena: .svg or .png.")
@click.pass_context
def analyze(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    model: Path,
    board: str,
    toolchain: str | None,
    optimise: Optimise,
    levers: Levers,
    no_build: bool,
    explain: bool,
    plot: Path | None,
    json_target: str | None,
) -> None:
    """Exact RAM and flash of an int8 MODEL.onnx on a board, the arena's peak and a map of it.

    The map shows steps to the right and addresses upwards; where a letter changes within a step, the step's
    output takes the place of its input. Exits with 1 where the model does not fit, and says which buffers
    cannot lie in RAM together.
    """
    target = load_board(board)
    compiler = None if no_build else find_toolchain(toolchain)
    with tempfile.TemporaryDirectory() as folder, progress_console.status(f"analyzing {model.name}"):
        report = analyze_model(
            model,
            target,
            toolchain=compiler,
            directory=Path(folder),
            optimise=optimise,
            levers=levers,
            explain=explain,
            plot=plot,
        )
    emit(report, json_target, lambda: tables.show_analysis(report, explain=explain))
    if report.fits is False:
        ctx.exit(EXIT_CHECK_FAILED)


@click.command()
@model_and_board
@memory_options
@click.option(
    "--engine", default="unicorn", show_default=True, metavar="NAME", help="unicorn, renode, or both, compared."
)
@click.option("--renode", type=click.Path(path_type=Path), metavar="PATH", help="Renode's program or folder.")
@click.option(
    "--input",
    "input_file",
    type=click.Path(path_type=Path),
    metavar="X.npy",
    help="As the model takes it, or int8 NHWC.",
)
@click.option(
    "--budget", type=click.IntRange(min=1), default=DEFAULT_BUDGET_INSTRUCTIONS, help="Instructions before giving up."
)
@click.option("--firmware", type=click.Path(path_type=Path), metavar="DIR", help="Keep sources, ELF, replay here.")
@click.pass_context
def simulate(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    model: Path,
    board: str,
    toolchain: str | None,
    optimise: Optimise,
    levers: Levers,
    engine: str,
    renode: Path | None,
    input_file: Path | None,
    budget: int,
    firmware: Path | None,
    json_target: str | None,
) -> None:
    """Run one inference of an int8 MODEL.onnx on the emulated core and count its cycles.

    Exits with 1 where the model does not fit or its outputs differ from the integer reference.
    """
    target, compiler = load_board(board), find_toolchain(toolchain)
    with tempfile.TemporaryDirectory() as folder, progress_console.status(f"simulating {model.name}"):
        report = simulate_model(
            model,
            target,
            directory=firmware or Path(folder),
            toolchain=compiler,
            optimise=optimise,
            levers=levers,
            engine=find_engine(engine, renode),
            inputs=None if input_file is None else lambda graph: load_inputs(input_file, graph),
            budget_instructions=budget,
            replay_folder=firmware,
        )
    emit(report, json_target, lambda: tables.show_simulation(report))
    if not report.fits or not report.outputs_match_reference:
        ctx.exit(EXIT_CHECK_FAILED)
