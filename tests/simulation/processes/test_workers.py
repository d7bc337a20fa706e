"""Pools of processes, with workers that do next to nothing."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.simulation.processes.workers import WorkerPool, usable_cores

WORKER = """
import os, signal, sys, tempfile
from sparse_mcu.simulation.processes.workers import serve

def answer(job):
    kind, value = job
    if kind == "exit":
        os._exit(value)
    if kind == "kill":
        os.kill(os.getpid(), value)
    return {"double": 2 * value, "pid": os.getpid(), "folder": tempfile.gettempdir()}[kind]

serve(sys.argv[1], answer)
"""
Job = tuple[str, int]
Pool = WorkerPool[Job, object]


def told(job: Job, how: str) -> object:
    return f"{job[0]} {how}"


@pytest.fixture
def pool_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Pool]]:
    """Pools of so many workers, closed at the end."""
    (tmp_path / "idle_worker.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    pools: list[Pool] = []

    def opened(workers: int) -> Pool:
        pools.append(WorkerPool("idle_worker", told, workers))
        return pools[-1]

    yield opened
    for pool in pools:
        pool.close()


def test_outcomes_are_in_the_order_of_the_jobs(pool_of: Callable[[int], Pool]) -> None:
    seen: dict[int, object] = {}
    outcomes = pool_of(2).run((("double", number) for number in range(9)), seen.__setitem__)
    assert outcomes == [2 * number for number in range(9)]
    assert seen == dict(enumerate(outcomes))


def test_workers_are_kept_from_one_run_to_the_next_and_no_more_than_are_needed(pool_of: Callable[[int], Pool]) -> None:
    pool = pool_of(3)
    (first,), (second,) = (pool.run([("pid", 0)]) for _ in range(2))
    assert first == second != os.getpid()
    assert pool.run([]) == []


@pytest.mark.parametrize(("job", "said"), [(("exit", 3), "ended with status 3"), (("kill", 9), "was ended by SIGKILL")])
def test_how_a_worker_ended_is_the_outcome_of_its_job_only(pool_of: Callable[[int], Pool], job: Job, said: str) -> None:
    outcomes = pool_of(1).run([("double", 1), job, ("double", 2)])
    assert outcomes == [2, f"{job[0]} {said}", 4]


def test_temporary_files_go_with_the_pool(pool_of: Callable[[int], Pool]) -> None:
    pool = pool_of(1)
    (folder,) = pool.run([("folder", 0)])
    assert Path(str(folder)).is_dir()
    pool.close()
    assert not Path(str(folder)).exists()


def test_an_exception_of_the_jobs_closes_the_pool(pool_of: Callable[[int], Pool]) -> None:
    pool = pool_of(1)
    (pid,) = pool.run([("pid", 0)])

    def jobs() -> Iterator[Job]:
        yield "double", 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        pool.run(jobs())
    with pytest.raises(ProcessLookupError, match="No such process"):
        os.kill(int(str(pid)), 0)


def test_a_pool_needs_a_worker() -> None:
    with pytest.raises(SparseMcuError, match=r"pool: 0 workers are too few\. Give at least one"):
        WorkerPool("idle_worker", told, 0)


def test_there_is_a_core_to_use() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
