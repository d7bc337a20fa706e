"""Runs as a process that simulates one model after another, for `sparse_mcu.simulation.jobs.pool`.

It is started as `python -m sparse_mcu.simulation.jobs.worker DESCRIPTOR`. DESCRIPTOR is its end of a pipe, through
which jobs come in and outcomes go out.
"""

import sys
from functools import cache

from sparse_mcu.costmodel.errors import SparseMcuError, WorkerError
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.execution.target import Tools
from sparse_mcu.simulation.jobs.job import Job, simulate_job
from sparse_mcu.simulation.jobs.pool import Outcome
from sparse_mcu.simulation.processes.workers import serve
from sparse_mcu.simulation.toolchain import find_toolchain

_engine = cache(find_engine)
_toolchain = cache(find_toolchain)


def _outcome(job: Job) -> Outcome:
    """Returns the report, or what was wrong."""
    try:
        return simulate_job(job, Tools(_toolchain(job.target.toolchain), _engine(job.target.engine)))
    except SparseMcuError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a failure that nobody foresaw must not end the other models
        return WorkerError(
            f"{type(error).__name__}: {error}",
            where=str(job.model),
            fix="This is a defect of sparse-mcu: please report it with the model.",
        )


if __name__ == "__main__":
    serve(sys.argv[1], _outcome)
