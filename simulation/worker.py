"""A process that simulates one model after another, for `simulation.pool`.

Run as `python -m simulation.worker DESCRIPTOR`, which is its end of a pipe: jobs come in, outcomes go out.
"""

import sys
import tempfile
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path

from costmodel.errors import SparseMcuError, WorkerError
from costmodel.report import SimulationReport
from simulation.engines import find_engine
from simulation.inputs import load_inputs
from simulation.pool import Job, Outcome
from simulation.run import simulate_model
from simulation.toolchain import find_toolchain

_engine = cache(find_engine)
_toolchain = cache(find_toolchain)


def work(pipe: Connection) -> None:
    """Answer jobs until the pipe ends."""
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        pipe.send(_outcome(job))


def _outcome(job: Job) -> Outcome:
    """The report, or what was wrong."""
    try:
        if job.directory is not None:
            return _simulate(job, job.directory)
        with tempfile.TemporaryDirectory() as folder:
            return _simulate(job, Path(folder))
    except SparseMcuError as error:
        return error
    except Exception as error:  # noqa: BLE001 - one model that nobody foresaw must not end the others
        return WorkerError(
            f"{type(error).__name__}: {error}",
            where=str(job.model),
            fix="This is a defect of sparse-mcu: please report it with the model.",
        )


def _simulate(job: Job, directory: Path) -> SimulationReport:
    return simulate_model(
        job.model,
        job.board,
        directory=directory,
        toolchain=_toolchain(job.toolchain),
        engine=_engine(job.engine),
        inputs=None if job.input_file is None else partial(load_inputs, job.input_file),
        budget_instructions=job.budget_instructions,
    )


if __name__ == "__main__":
    work(Connection(int(sys.argv[1])))
