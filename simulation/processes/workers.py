"""Runs processes that answer one job after another, for pools.

Every worker is a process of its own. A job that kills its worker loses its own outcome and no other. Workers end with
the pool, and with this process however it ends (`sparse_mcu.simulation.processes.children`).

`concurrent.futures.ProcessPoolExecutor` gives up all jobs when one worker dies. `pebble.ProcessPool` does not, but
its workers do not start in our process group: the compilers and emulators that they run would outlive a `kill -9`.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Generic, Self, TypeVar

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.simulation.processes.children import child_group

JobT = TypeVar("JobT")
OutcomeT = TypeVar("OutcomeT")

_END_SECONDS = 5.0
_SHARERS = "SPARSE_MCU_WORKERS"  # tells a worker how many workers there are


class _Worker:
    """Starts a process, and holds the pipe to it.

    Args:
        module: What it runs, as `python -m module DESCRIPTOR`.
        scratch: The folder for all of its temporary files.
        sharers: How many workers share the cores.
    """

    def __init__(self, module: str, scratch: str, sharers: int) -> None:
        self.pipe, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", module, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "TMPDIR": scratch, _SHARERS: str(sharers)},
                pass_fds=[theirs.fileno()],
                process_group=child_group(),
            )

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def ending(self) -> str:
        """Says in words how it ended."""
        try:
            status = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return "closed its pipe"
        return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    def end(self) -> None:
        """Kills it. Its compilers and emulators end with it."""
        self._process.kill()
        self._process.wait()
        self.pipe.close()


class WorkerPool(Generic[JobT, OutcomeT]):
    """Does jobs side by side. It starts workers when they are needed, and keeps them until it is closed.

    Args:
        module: The module that workers run. It answers each job that comes through its pipe (`serve`).
        died: Makes the outcome of a job whose worker ended, from the job and how the worker ended.
        workers: How many processes; None for one per core that this process may use.

    Raises:
        SparseMcuError: The system is not Linux or macOS, or `workers` is not positive.
    """

    def __init__(self, module: str, died: Callable[[JobT, str], OutcomeT], workers: int | None = None) -> None:
        if os.name != "posix":
            raise SparseMcuError("pools run on Linux and macOS only", where="pool", fix="Run the jobs one by one.")
        self._limit = usable_cores() if workers is None else workers
        if self._limit < 1:
            raise SparseMcuError(f"{workers} workers are too few", where="pool", fix="Give at least one.")
        self._module, self._died = module, died
        self._scratch = tempfile.TemporaryDirectory(prefix="sparse-mcu-", ignore_cleanup_errors=True)
        self._workers: list[_Worker] = []
        self._busy: dict[Connection, tuple[_Worker, int, JobT]] = {}  # pipe -> worker, and the job it works on

    def __enter__(self) -> Self:
        """Returns the pool."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the pool."""
        self.close()

    def close(self) -> None:
        """Ends all workers at once, busy or not, and removes their temporary files."""
        while self._workers:
            self._workers.pop().end()
        self._busy.clear()
        self._scratch.cleanup()

    def run(self, jobs: Iterable[JobT], on_done: Callable[[int, OutcomeT], None] | None = None) -> list[OutcomeT]:
        """Does all jobs. Ctrl-C closes the pool, and so does an exception of `jobs` or `on_done`.

        Args:
            jobs: What to do. Each job is asked for when a worker is free for it.
            on_done: Is told the index and the outcome of each job as it ends.

        Returns:
            The outcome of each job, in the order of the jobs.
        """
        outcomes: dict[int, OutcomeT] = {}
        waiting = enumerate(jobs)
        try:
            self._begin(waiting)
            while self._busy:
                for pipe in set(self._busy) & set(wait(list(self._busy))):
                    worker, index, job = self._busy.pop(pipe)
                    outcomes[index] = self._answer(worker, job)
                    if on_done is not None:
                        on_done(index, outcomes[index])
                self._begin(waiting)
        except BaseException:
            self.close()
            raise
        return [outcomes[index] for index in range(len(outcomes))]

    def _begin(self, waiting: Iterator[tuple[int, JobT]]) -> None:
        """Gives jobs to free workers, or to new ones, as long as more workers are allowed."""
        while len(self._busy) < self._limit:
            following = next(waiting, None)
            if following is None:
                return
            index, job = following
            worker = self._give(job)
            self._busy[worker.pipe] = worker, index, job

    def _give(self, job: JobT) -> _Worker:
        """Gives a job to an idle worker that is still alive, or to a new one."""
        for worker in [each for each in self._workers if each.pipe not in self._busy]:
            with suppress(OSError):  # raised if it ended just now
                if worker.alive:
                    worker.pipe.send(job)
                    return worker
            self._workers.remove(worker)
            worker.end()
        worker = _Worker(self._module, self._scratch.name, self._limit)
        self._workers.append(worker)
        with suppress(OSError):  # whoever waits for its answer will see that it ended
            worker.pipe.send(job)
        return worker

    def _answer(self, worker: _Worker, job: JobT) -> OutcomeT:
        try:
            outcome: OutcomeT = worker.pipe.recv()
        except (EOFError, OSError):
            return self._died(job, worker.ending())
        return outcome


def serve(descriptor: str, answer: Callable[[JobT], OutcomeT]) -> None:
    """Answers jobs as a worker: they come through the pipe of that file descriptor, until it ends."""
    pipe = Connection(int(descriptor))
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        pipe.send(answer(job))


def usable_cores() -> int:
    """Returns how many cores this process may use. A worker of a pool, or of pytest-xdist, has its share of them."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    for variable in (_SHARERS, "PYTEST_XDIST_WORKER_COUNT"):
        cores //= int(os.environ.get(variable, "1"))
    return max(1, cores)
