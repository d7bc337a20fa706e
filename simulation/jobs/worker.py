"""A process that simulates one model after another, for `sparse_mcu.simulation.jobs.pool`.

Run as `python -m sparse_mcu.simulation.jobs.worker DESCRIPTOR`, which is its end of a pipe: jobs come in,
outcomes go out.
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
    """The report, or what was wrong."""
    try:
        return simulate_job(job, Tools(_toolchain(job.target.toolchain), _engine(job.target.engine)))
    except SparseMcuError as error:
        return error
    except Exception as error:  # noqa: BLE001 - one model that nobody foresaw must not end the others
        return WorkerError(
            f"{type(error).__name__}: {error}",
            where=str(job.model),
            fix="This is a defect of sparse-mcu: please report it with the model.",
        )


if __name__ == "__main__":
    serve(sys.argv[1], _outcome)
