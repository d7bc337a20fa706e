"""Many simulations at once, on all cores, with the same numbers as alone.

Every worker is a process of its own: a model that kills it costs its own outcome and no other. Workers
end with the pool and with this process, however that ends (`simulation.children`).
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Self

from costmodel.errors import SparseMcuError, WorkerError
from costmodel.report import SimulationReport
from simulation.children import child_group
from simulation.job import Job

Outcome = SimulationReport | SparseMcuError
ProgressCallback = Callable[[int, Outcome], None]

_END_SECONDS = 5.0


class _Worker:
    """A process and the pipe to it.

    Args:
        scratch: The folder for all of its temporary files.
    """

    def __init__(self, scratch: str) -> None:
        self.pipe, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", "simulation.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "TMPDIR": scratch},
                pass_fds=[theirs.fileno()],
                process_group=child_group(),
            )

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def answer(self, job: Job) -> Outcome:
        """What it answers to `job`, or how it ended."""
        try:
            outcome: Outcome = self.pipe.recv()
        except (EOFError, OSError):
            return WorkerError(
                f"the process that simulated it {self._ending()}",
                where=str(job.model),
                fix="See whether memory ran out, and simulate it alone; report it if that fails as well.",
            )
        return outcome

    def _ending(self) -> str:
        try:
            status = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return "closed its pipe"
        return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    def end(self) -> None:
        """Kill it; its compilers and emulators end with it."""
        self._process.kill()
        self._process.wait()
        self.pipe.close()


class SimulationPool:
    """Simulates lists of models; workers are started when they are needed and kept until it is closed.

    Args:
        workers: How many processes; None for one per core that this process may use.

    Raises:
        SparseMcuError: The system is not Linux or macOS, or `workers` is not positive.
    """

    def __init__(self, workers: int | None = None) -> None:
        if os.name != "posix":
            raise SparseMcuError("pools run on Linux and macOS only", where="pool", fix="Simulate models one by one.")
        self._limit = usable_cores() if workers is None else workers
        if self._limit < 1:
            raise SparseMcuError(f"{workers} workers", where="pool", fix="Give at least one.")
        self._scratch = tempfile.TemporaryDirectory(prefix="sparse-mcu-", ignore_cleanup_errors=True)
        self._workers: list[_Worker] = []
        self._busy: dict[Connection, tuple[_Worker, int]] = {}  # by pipe: who, and with which job

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End all workers at once, busy or not, and remove their temporary files."""
        while self._workers:
            self._workers.pop().end()
        self._busy.clear()
        self._scratch.cleanup()

    def simulate(self, jobs: Sequence[Job], on_done: ProgressCallback | None = None) -> list[Outcome]:
        """Simulate all; Ctrl-C, or an exception of `on_done`, closes the pool.

        Args:
            jobs: What to simulate; they begin in this order.
            on_done: Told the index and the outcome of each job as it ends.

        Returns:
            The report or the error of each job, in their order. A worker that died is a `WorkerError`.
        """
        outcomes: dict[int, Outcome] = {}
        waiting = deque(range(len(jobs)))
        try:
            while waiting or self._busy:
                while waiting and len(self._busy) < self._limit:
                    self._assign(waiting[0], jobs[waiting[0]])
                    waiting.popleft()
                for pipe in set(self._busy) & set(wait(list(self._busy))):
                    worker, index = self._busy.pop(pipe)
                    outcomes[index] = worker.answer(jobs[index])
                    if on_done is not None:
                        on_done(index, outcomes[index])
        except BaseException:
            self.close()
            raise
        return [outcomes[index] for index in range(len(jobs))]

    def _assign(self, index: int, job: Job) -> None:
        """Give a job to a free worker, or to a new one."""
        worker = self._free()
        worker.pipe.send(job)
        self._busy[worker.pipe] = worker, index

    def _free(self) -> _Worker:
        for worker in [each for each in self._workers if each.pipe not in self._busy]:
            if worker.alive:
                return worker
            self._workers.remove(worker)
            worker.end()
        self._workers.append(_Worker(self._scratch.name))
        return self._workers[-1]


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def simulate_many(
    jobs: Sequence[Job], *, workers: int | None = None, on_done: ProgressCallback | None = None
) -> list[Outcome]:
    """Simulate all jobs in a pool of their own; see `SimulationPool.simulate`."""
    with SimulationPool(workers) as pool:
        return pool.simulate(jobs, on_done)
