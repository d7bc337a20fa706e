"""Many at once: the numbers of one alone, whatever happens to the others."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast
from unittest.mock import Mock

import numpy as np
import pytest

from sparse_mcu.benchmarks.networks import NETWORKS, write_network
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import EngineError, ModelError, SparseMcuError, ToolchainError, WorkerError
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.simulation.cache.store import LIMIT_VARIABLE
from sparse_mcu.simulation.execution.run import simulate_model
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.jobs.job import Job
from sparse_mcu.simulation.jobs.pool import Outcome, SimulationPool
from sparse_mcu.simulation.processes.workers import _Worker, usable_cores

pytestmark = pytest.mark.xdist_group("processes")
BOARDS = ("microbit", "nucleo-l4r5zi")


class Deadly:
    """Not a path: a worker that receives it does what it says."""

    def __init__(self, act: Callable[..., object], *arguments: object) -> None:
        self._act, self._arguments = act, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        """What unpickling does."""
        return self._act, self._arguments

    def __str__(self) -> str:
        """A name for messages."""
        return "deadly.onnx"

    @classmethod
    def job(cls, act: Callable[..., object], *arguments: object) -> Job:
        """A job that makes its worker do so."""
        return Job(cast("Path", cls(act, *arguments)), Target(load_board("microbit"), "zig"))


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "0")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The small networks."""
    folder = tmp_path_factory.mktemp("networks")
    return [write_network(name, folder) for name in NETWORKS]


@pytest.fixture(scope="module")
def pool() -> Iterator[SimulationPool]:
    """A pool of two, for all tests that leave it whole."""
    with SimulationPool(2) as shared:
        yield shared


def text(outcome: Outcome) -> str:
    """The report but for the one figure that is of this machine: the speed of the emulation."""
    assert isinstance(outcome, SimulationReport), outcome
    return outcome.model_copy(update={"simulated_mips": 0.0}).model_dump_json()


def test_reports_are_byte_for_byte_those_of_one_alone(
    networks: list[Path], pool: SimulationPool, tmp_path: Path
) -> None:
    jobs = [Job(model, Target(load_board(board), "zig")) for model in networks for board in BOARDS]
    alone = [simulate_model(job.model, job.target, directory=tmp_path) for job in jobs]
    assert [text(each) for each in pool.run(jobs)] == [text(each) for each in alone]


def test_progress_is_told_once_for_each(networks: list[Path], pool: SimulationPool) -> None:
    told: dict[int, Outcome] = {}
    jobs = [Job(networks[0], Target(load_board("microbit"), "zig"))] * 4
    outcomes = pool.run(jobs, lambda index, outcome: told.update({index: outcome}))
    assert [told[index] for index in range(4)] == outcomes
    assert len(told) == 4


def test_nothing_to_do_is_done(pool: SimulationPool) -> None:
    assert pool.run([]) == []


def test_each_error_is_the_outcome_of_its_job(networks: list[Path], pool: SimulationPool, tmp_path: Path) -> None:
    board, model = load_board("microbit"), networks[0]
    wrong = tmp_path / "x.npy"
    np.save(wrong, np.zeros((3, 5), np.int8))
    outcomes = pool.run(
        [
            Job(tmp_path / "missing.onnx", Target(board, "zig")),
            Job(model, Target(board, "zog")),
            Job(model, Target(board, "zig"), budget_instructions=1000),
            Job(model, Target(board, "zig"), input_file=wrong),
            Job(model, Target(board, "zig")),
        ]
    )
    assert [type(outcome) for outcome in outcomes] == [
        ModelError,
        ToolchainError,
        EngineError,
        SparseMcuError,
        SimulationReport,
    ]
    error = outcomes[1]
    assert isinstance(error, ToolchainError)
    assert (error.where, "'zog'" in error.what, "zig" in error.fix) == ("toolchain", True, True)


def test_an_error_that_nobody_foresaw_is_one_outcome(networks: list[Path], pool: SimulationPool) -> None:
    good = Job(networks[0], Target(load_board("microbit"), "zig"))
    outcomes = pool.run([Job(cast("Path", 17), Target(load_board("microbit"), "zig")), good])
    assert isinstance(outcomes[0], WorkerError)
    assert "TypeError" in outcomes[0].what
    assert isinstance(outcomes[1], SimulationReport)


@pytest.mark.parametrize(
    ("act", "ending"),
    [
        (Deadly.job(os._exit, 7), "ended with status 7"),
        (Deadly.job(os.abort), "was ended by SIGABRT"),
        (Deadly.job(signal.raise_signal, signal.SIGKILL), "was ended by SIGKILL"),
    ],
    ids=["exit", "abort", "kill"],
)
def test_a_worker_that_dies_costs_its_job_and_no_other(
    networks: list[Path], pool: SimulationPool, act: Job, ending: str
) -> None:
    good = Job(networks[0], Target(load_board("microbit"), "zig"))
    outcomes = pool.run([good, act, good, act, act, good])
    assert [isinstance(outcome, SimulationReport) for outcome in outcomes] == [True, False, True, False, False, True]
    for index in (1, 3, 4):
        died = outcomes[index]
        assert isinstance(died, WorkerError)
        assert ending in died.what
        assert died.where == "deadly.onnx"


def killed_while_idle(pool: SimulationPool) -> _Worker:
    """Kills the only worker of a pool and waits until it has ended."""
    (worker,) = pool._workers
    os.kill(worker.pid, signal.SIGKILL)
    while worker.alive:
        time.sleep(0.01)
    return worker


def test_an_idle_worker_that_was_killed_is_replaced(networks: list[Path]) -> None:
    job = Job(networks[0], Target(load_board("microbit"), "zig"))
    with SimulationPool(1) as pool:
        first = text(pool.run([job])[0])
        worker = killed_while_idle(pool)
        assert text(pool.run([job])[0]) == first
        assert [each.pid for each in pool._workers] != [worker.pid]


def test_an_idle_worker_that_dies_while_it_is_given_a_job_costs_nothing(networks: list[Path]) -> None:
    """It was alive when it was looked at, and its pipe broke in the next moment."""
    job = Job(networks[0], Target(load_board("microbit"), "zig"))
    with SimulationPool(1) as pool:
        first = text(pool.run([job])[0])
        worker = killed_while_idle(pool)
        worker._process.poll = lambda: None  # type: ignore[method-assign]
        assert worker.alive
        assert [text(outcome) for outcome in pool.run([job, job])] == [first, first]
        assert worker not in pool._workers


def test_a_worker_that_cannot_even_start_costs_its_job(monkeypatch: pytest.MonkeyPatch, networks: list[Path]) -> None:
    monkeypatch.setattr(Connection, "send", Mock(side_effect=BrokenPipeError))
    with SimulationPool(1) as pool:
        pool._module = "sparse_mcu.no_such_worker"
        outcomes = pool.run([Job(networks[0], Target(load_board("microbit"), "zig"))] * 2)
    assert ["ended with status 1" in str(outcome) for outcome in outcomes] == [True, True]


def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PYTEST_XDIST_WORKER_COUNT", "SPARSE_MCU_WORKERS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert usable_cores() == 16
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "4")
    assert usable_cores() == 4
    monkeypatch.setenv("SPARSE_MCU_WORKERS", "3")
    assert usable_cores() == 1
    monkeypatch.setenv("SPARSE_MCU_WORKERS", "9")
    assert usable_cores() == 1


def test_a_pool_tells_its_workers_how_many_they_are(tmp_path: Path) -> None:
    seen = Deadly.job(os.system, f"echo $SPARSE_MCU_WORKERS >> {tmp_path / 'seen'}")
    with SimulationPool(3) as pool:
        pool.run([seen])
    assert (tmp_path / "seen").read_text().split() == ["3"]


def test_firmware_is_kept_where_it_is_wanted(networks: list[Path], pool: SimulationPool, tmp_path: Path) -> None:
    (outcome,) = pool.run([Job(networks[0], Target(load_board("microbit"), "zig"), directory=tmp_path / "kept")])
    assert isinstance(outcome, SimulationReport)
    assert {"model.c", "firmware.elf"} <= {path.name for path in (tmp_path / "kept").iterdir()}


def test_ctrl_c_ends_the_workers_at_once(networks: list[Path]) -> None:
    pool = SimulationPool(2)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    pids: list[int] = []

    def begin(_index: int, _outcome: Outcome) -> None:
        if not pids:
            pids.extend(worker.pid for worker in pool._workers)
            timer.start()

    hang = Deadly.job(time.sleep, 600)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pool.run([Job(networks[0], Target(load_board("microbit"), "zig")), hang, hang, hang], begin)
    timer.join()
    assert time.monotonic() - started < 60
    assert not pool._workers
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not Path(pool._scratch.name).exists()


def test_an_exception_of_the_callback_closes_the_pool(networks: list[Path]) -> None:
    def fail(_index: int, _outcome: Outcome) -> None:
        raise RuntimeError("enough")

    with SimulationPool(1) as pool:
        with pytest.raises(RuntimeError, match="enough"):
            pool.run([Job(networks[0], Target(load_board("microbit"), "zig"))] * 2, fail)
        assert not pool._workers


@pytest.mark.parametrize("workers", [0, -1])
def test_a_pool_of_nobody_is_refused(workers: int) -> None:
    with pytest.raises(SparseMcuError, match="at least one"):
        SimulationPool(workers)
