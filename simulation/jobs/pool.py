"""Simulates many models at once, on all cores. Each gets the same numbers as alone."""

from collections.abc import Callable, Sequence

from sparse_mcu.costmodel.errors import SparseMcuError, WorkerError
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.simulation.jobs.job import Job
from sparse_mcu.simulation.processes.workers import WorkerPool

Outcome = SimulationReport | SparseMcuError
ProgressCallback = Callable[[int, Outcome], None]


class SimulationPool(WorkerPool[Job, Outcome]):
    """Simulates lists of models. The outcome of each is its report or its error.

    Args:
        workers: How many processes; None for one per core that this process may use.

    Raises:
        SparseMcuError: The system is not Linux or macOS, or `workers` is not positive.
    """

    def __init__(self, workers: int | None = None) -> None:
        super().__init__("sparse_mcu.simulation.jobs.worker", _died, workers)


def simulate_many(
    jobs: Sequence[Job], *, workers: int | None = None, on_done: ProgressCallback | None = None
) -> list[Outcome]:
    """Simulates all jobs in a new pool; see `sparse_mcu.simulation.processes.workers.WorkerPool.run`."""
    with SimulationPool(workers) as pool:
        return pool.run(jobs, on_done)


def _died(job: Job, ending: str) -> Outcome:
    return WorkerError(
        f"the process that simulated the model {ending}",
        where=str(job.model),
        fix="Check whether memory ran out. Simulate the model alone, and report it if that fails too.",
    )
