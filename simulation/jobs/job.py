"""Describes one simulation as a value, which commands, pools and workers pass to each other."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.simulation.execution.inputs import stored_inputs
from sparse_mcu.simulation.execution.run import DEFAULT_BUDGET_INSTRUCTIONS, simulate_model
from sparse_mcu.simulation.execution.target import Target, Tools
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions


@dataclass(frozen=True, slots=True)
class Job:
    """Describes one simulation; see `sparse_mcu.simulation.execution.run.simulate_model`.

    Attributes:
        model: An int8 QDQ ONNX file.
        target: The board, the compiler and the engine. Each worker has its own tools.
        options: How the firmware is made.
        input_file: A .npy file; None for the fixed pseudo-random input.
        budget_instructions: The run ends if it executes more instructions than this.
        directory: Where the firmware is kept, with a script to repeat the run by hand; None keeps it nowhere.
    """

    model: Path
    target: Target
    options: BuildOptions = DEFAULTS
    input_file: Path | None = None
    budget_instructions: int = DEFAULT_BUDGET_INSTRUCTIONS
    directory: Path | None = None


def simulate_job(job: Job, tools: Tools) -> SimulationReport:
    """Simulates the job with tools that were found before. They are those that its target names.

    Raises:
        SparseMcuError: See `sparse_mcu.simulation.execution.run.simulate_model`.
    """
    return simulate_model(
        job.model,
        job.target,
        job.options,
        directory=job.directory,
        inputs=None if job.input_file is None else partial(stored_inputs, job.input_file),
        budget_instructions=job.budget_instructions,
        with_replay=job.directory is not None,
        tools=tools,
    )
