"""Processes that answer one job after another, for pools.

Every worker is a process of its own: a job that kills it costs its own outcome and no other. Workers
end with the pool and with this process, however that ends (`sparse_mcu.simulation.processes.children`).

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
_SHARERS = "SPARSE_MCU_WORKERS"  # set for workers: how many of them there are


class _Worker:
    """A process and the pipe to it.

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
        """The process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def ending(self) -> str:
        """How it ended, in words."""
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


class WorkerPool(Generic[JobT, OutcomeT]):
    """Does jobs side by side; workers are started when they are needed and kept until it is closed.

    Args:
        module: Of the workers: it answers each job that comes through its pipe (`serve`).
        died: The outcome of a job whose worker ended, and how it ended.
        workers: How many processes; None for one per core that this process may use.

    Raises:
        SparseMcuError: The system is not Linux or macOS, or `workers` is not positive.
    """

    def __init__(self, module: str, died: Callable[[JobT, str], OutcomeT], workers: int | None = None) -> None:
        if os.name != "posix":
            raise SparseMcuError("pools run on Linux and macOS only", where="pool", fix="Do it one by one.")
        self._limit = usable_cores() if workers is None else workers
        if self._limit < 1:
            raise SparseMcuError(f"{workers} workers", where="pool", fix="Give at least one.")
        self._module, self._died = module, died
        self._scratch = tempfile.TemporaryDirectory(prefix="sparse-mcu-", ignore_cleanup_errors=True)
        self._workers: list[_Worker] = []
        self._busy: dict[Connection, tuple[_Worker, int, JobT]] = {}  # by pipe: who, and with which job

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

    def run(self, jobs: Iterable[JobT], on_done: Callable[[int, OutcomeT], None] | None = None) -> list[OutcomeT]:
        """Do all; Ctrl-C, or an exception of `jobs` or `on_done`, closes the pool.

        Args:
            jobs: What to do; each is asked for when a worker is free for it.
            on_done: Told the index and the outcome of each job as it ends.

        Returns:
            The outcome of each job, in their order.
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
        """Give jobs to free workers, or to new ones, while there may be more."""
        while len(self._busy) < self._limit:
            following = next(waiting, None)
            if following is None:
                return
            index, job = following
            worker = self._give(job)
            self._busy[worker.pipe] = worker, index, job

    def _give(self, job: JobT) -> _Worker:
        """Give a job to an idle worker that still lives, else to a new one."""
        for worker in [each for each in self._workers if each.pipe not in self._busy]:
            with suppress(OSError):  # it ended just now
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
    """Be a worker: answer the jobs that come through the pipe of that file descriptor until it ends."""
    pipe = Connection(int(descriptor))
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        pipe.send(answer(job))


def usable_cores() -> int:
    """How many cores this process may use: a worker, of a pool or of pytest-xdist, has its share of them."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    for variable in (_SHARERS, "PYTEST_XDIST_WORKER_COUNT"):
        cores //= int(os.environ.get(variable, "1"))
    return max(1, cores)
