"""One simulation as a value: what a command, a pool and its workers hand each other."""

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.simulation.engines.protocol import Engine
from sparse_mcu.simulation.execution.inputs import load_inputs
from sparse_mcu.simulation.execution.run import DEFAULT_BUDGET_INSTRUCTIONS, simulate_model
from sparse_mcu.simulation.firmware.choice.costs import DEFAULT, Optimise
from sparse_mcu.simulation.toolchain.protocol import Toolchain


@dataclass(frozen=True, slots=True)
class Job:
    """One simulation; see `sparse_mcu.simulation.execution.run.simulate_model`.

    Attributes:
        model: An int8 QDQ ONNX file.
        board: The board.
        toolchain: Name of the compiler; None takes the best that is installed.
        engine: Name of the engine; each worker has its own.
        input_file: A .npy file; None for the fixed pseudo-random input.
        budget_instructions: More instructions than this end the run.
        directory: Where the firmware is kept, with a script to repeat the run by hand; None keeps it nowhere.
        optimise: What kernels are chosen by.
        levers: What may be done to make the arena smaller.
        renode: Renode's program or folder; None looks for it.
    """

    model: Path
    board: Board
    toolchain: str | None = None
    engine: str = "unicorn"
    input_file: Path | None = None
    budget_instructions: int = DEFAULT_BUDGET_INSTRUCTIONS
    directory: Path | None = None
    optimise: Optimise = DEFAULT
    levers: Levers = ALL
    renode: Path | None = None


def simulate_job(job: Job, toolchain: Toolchain, engine: Engine) -> SimulationReport:
    """Simulate it with tools that were found before: those that it names.

    Raises:
        SparseMcuError: See `sparse_mcu.simulation.execution.run.simulate_model`.
    """
    with tempfile.TemporaryDirectory() as folder:
        return simulate_model(
            job.model,
            job.board,
            directory=job.directory or Path(folder),
            toolchain=toolchain,
            engine=engine,
            inputs=None if job.input_file is None else partial(load_inputs, job.input_file),
            budget_instructions=job.budget_instructions,
            replay_folder=job.directory,
            optimise=job.optimise,
            levers=job.levers,
        )
