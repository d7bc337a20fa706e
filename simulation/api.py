"""Offers the commands that take models as functions: the public API.

They print nothing, set no signal handlers, and change neither the environment nor the current folder. So they may be
called from notebooks, from any thread, and from processes of a pool.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.extras import needs
from sparse_mcu.costmodel.files import write_atomically
from sparse_mcu.costmodel.graph import Model
from sparse_mcu.costmodel.memory.files.readers import graph_text
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan
from sparse_mcu.costmodel.report import AnalysisReport, SimulationReport
from sparse_mcu.simulation.analysis.analysis import analyze_lowered
from sparse_mcu.simulation.analysis.lowering import lower_model, planning_problem
from sparse_mcu.simulation.engines import DEFAULT_ENGINE, EngineChoice
from sparse_mcu.simulation.execution.inputs import GivenInputs, stored_inputs
from sparse_mcu.simulation.execution.run import DEFAULT_BUDGET_INSTRUCTIONS, simulate_model
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.exporting.export import export_model
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions
from sparse_mcu.simulation.toolchain import find_toolchain

BoardLike = str | Path | Board
"""A board: its name, the path of a board file, or the board itself."""


def analyze(
    model: Model,
    board: BoardLike,
    *,
    options: BuildOptions = DEFAULTS,
    toolchain: str | None = None,
    build: bool = True,
    explain: bool = False,
    plot: str | Path | None = None,
    problem: str | Path | None = None,
) -> AnalysisReport:
    """Finds the exact RAM and flash of a model on a board, and tells why the arena is not smaller.

    Args:
        model: The path of an int8 QDQ ONNX file, or an `onnx.ModelProto`, which must hold all of its data.
        board: A board's name, the path of a board file, or a board.
        options: How the firmware is made.
        toolchain: Name of the compiler; None for the best that is installed.
        build: Whether to compile. Without it, code and stack are unknown, and with them the totals.
        explain: Whether to tell which buffers conflict and what each lever saves. If RAM is too small, it is told
            anyway.
        plot: An .svg or .png file to draw the arena into.
        problem: A file for the planning problem, which `sparse-mcu plan` reads.

    Returns:
        What `sparse-mcu analyze --json` writes. For a model that is too large, it says `fits: false`.

    Raises:
        ModelError: The model is missing, broken or hostile, or firmware cannot be made of it.
        UnknownBoardError: No board has that name.
        ToolchainError: The compiler is missing, or failed.
        SparseMcuError: A file cannot be written, or what `plot` needs is not installed.
    """
    draw = None if plot is None else _plotter()
    target, compiler = _board(board), find_toolchain(toolchain) if build else None
    lowered = lower_model(model, target, options)
    if draw is not None and plot is not None:
        draw(lowered.source.plan, Path(plot), f"{lowered.graph.name} on {target.name}")
    if problem is not None:
        write_atomically(Path(problem), graph_text(planning_problem(lowered)))
    with tempfile.TemporaryDirectory() as folder:
        return analyze_lowered(lowered, model, toolchain=compiler, directory=Path(folder), explain=explain)


def simulate(  # noqa: PLR0913 - one parameter an option of the command
    model: Model,
    board: BoardLike,
    *,
    options: BuildOptions = DEFAULTS,
    toolchain: str | None = None,
    engine: str | EngineChoice = DEFAULT_ENGINE,
    inputs: GivenInputs | None = None,
    budget_instructions: int = DEFAULT_BUDGET_INSTRUCTIONS,
    firmware: str | Path | None = None,
    is_cached: bool = True,
) -> SimulationReport:
    """Runs one inference on an emulated core: cycles, latency, energy, measured RAM, and whether the outputs are right.

    Args:
        model: The path of an int8 QDQ ONNX file, or an `onnx.ModelProto`, which must hold all of its data.
        board: A board's name, the path of a board file, or a board.
        options: How the firmware is made.
        toolchain: Name of the compiler; None for the best that is installed.
        engine: Name of the engine, or an `EngineChoice`, which can also hold options.
        inputs: The array of the model's only input, as the model takes it or as int8 NHWC. Or the path of a .npy file
            of it, or an array for each input by name. None for a fixed pseudo-random input.
        budget_instructions: The run ends if it executes more instructions than this.
        firmware: A folder that keeps the sources, the ELF and a script that repeats the run.
        is_cached: Whether results of earlier compilations and runs may be used.

    Returns:
        What `sparse-mcu simulate --json` writes of one model. It says `fits: false` for a model that is too large, and
        `outputs_match_reference: false` if the firmware's outputs differ from the integer reference.

    Raises:
        ModelError: The model is missing, broken or hostile, or firmware cannot be made of it.
        UnknownBoardError: No board has that name.
        ToolchainError: The compiler is missing, or failed.
        EngineError: The engine is missing, or the firmware did not finish.
        SparseMcuError: An input has another shape or type, or the folder cannot be written.
    """
    choice = EngineChoice(engine) if isinstance(engine, str) else engine
    return simulate_model(
        model,
        Target(_board(board), toolchain, choice, is_cached),
        options,
        directory=None if firmware is None else Path(firmware),
        inputs=None if inputs is None else partial(stored_inputs, inputs),
        budget_instructions=budget_instructions,
        with_replay=firmware is not None,
    )


def export(
    model: Model,
    board: BoardLike,
    directory: str | Path,
    *,
    options: BuildOptions = DEFAULTS,
    toolchain: str | None = None,
    force: bool = False,
) -> AnalysisReport:
    """Writes a model as a folder of C that `make` builds, without anything of sparse-mcu.

    Args:
        model: The path of an int8 QDQ ONNX file, or an `onnx.ModelProto`, which must hold all of its data.
        board: A board's name, the path of a board file, or a board.
        directory: The folder; made if missing.
        options: How the firmware is made, and how its names begin.
        toolchain: Name of the compiler that the Makefile uses; None for the best that is installed.
        force: Whether to write into a folder that is not empty.

    Returns:
        What `sparse-mcu export --json` writes. A model that does not fit is exported all the same.

    Raises:
        ModelError: The model is missing, broken or hostile, or firmware cannot be made of it.
        UnknownBoardError: No board has that name.
        ToolchainError: The compiler is missing, or failed.
        SparseMcuError: The prefix is no name in C, or the folder is not empty, or cannot be written.
    """
    target, compiler = _board(board), find_toolchain(toolchain)
    return export_model(model, target, options, toolchain=compiler, directory=Path(directory), force=force)


def _board(board: BoardLike) -> Board:
    return board if isinstance(board, Board) else load_board(board)


def _plotter() -> Callable[[MemoryPlan, Path, str], None]:
    with needs("plot", "plot"):
        from sparse_mcu.costmodel.memory.cli.plot import plot_plan  # noqa: PLC0415 - matplotlib is optional, and slow

    return plot_plan
