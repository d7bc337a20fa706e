"""Measures the wall time of what users wait for: `tox run -e bench`, or `pytest benchmarks --benchmark-enable`.

Machines are noisy, so compare two states of the code in one session (`--benchmark-autosave`, `--benchmark-compare`).
The calls stand in lambdas, so that mypy checks their arguments.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from sparse_mcu.benchmarks.networks import NETWORKS, write_network
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.memory.model.levers import ALL
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.evaluation.costs import emulated_cost
from sparse_mcu.search.evaluation.evaluator import Evaluator
from sparse_mcu.search.network.recipe import recipe_for
from sparse_mcu.search.space.space import Space
from sparse_mcu.simulation.analysis.analysis import analyze_model, build_model
from sparse_mcu.simulation.analysis.lowering import lower_model
from sparse_mcu.simulation.binary.isa import foreign_instructions
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.execution.run import measure, random_inputs, simulate_model
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions
from sparse_mcu.simulation.jobs.job import Job
from sparse_mcu.simulation.jobs.pool import simulate_many
from sparse_mcu.simulation.toolchain import find_toolchain

BOARD = "nucleo-l4r5zi"


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns the cache off, so that every round builds and runs anew."""
    monkeypatch.setenv("SPARSE_MCU_CACHE_MIB", "0")


@pytest.mark.parametrize("network", NETWORKS)
def test_analyze_without_build(benchmark: BenchmarkFixture, tmp_path: Path, network: str) -> None:
    """Reads, lowers, plans and generates."""
    path, board = write_network(network, tmp_path), load_board(BOARD)
    benchmark(lambda: analyze_model(path, board, toolchain=None, directory=tmp_path))


@pytest.mark.parametrize("network", NETWORKS)
def test_analyze(benchmark: BenchmarkFixture, tmp_path: Path, network: str) -> None:
    """Does the same, compiles the code, and links it twice."""
    path, board, toolchain = write_network(network, tmp_path), load_board(BOARD), find_toolchain()
    benchmark(lambda: analyze_model(path, board, toolchain=toolchain, directory=tmp_path))


@pytest.mark.parametrize("network", NETWORKS)
def test_build_and_simulate(benchmark: BenchmarkFixture, tmp_path: Path, network: str) -> None:
    """Makes the report of `simulate` from a file."""
    path, target = write_network(network, tmp_path), Target(load_board(BOARD))
    benchmark(lambda: simulate_model(path, target, directory=tmp_path))


@pytest.mark.parametrize("network", NETWORKS)
def test_plan_with_streams(benchmark: BenchmarkFixture, tmp_path: Path, network: str) -> None:
    """Reads, lowers, plans and generates, and searches for the best streams."""
    path, board = write_network(network, tmp_path), load_board(BOARD)
    options = BuildOptions(levers=replace(ALL, streaming=True))
    benchmark(lambda: lower_model(path, board, options))


@pytest.mark.parametrize("network", NETWORKS)
def test_check_the_instruction_set(benchmark: BenchmarkFixture, tmp_path: Path, network: str) -> None:
    """Checks every instruction of a built program."""
    board = load_board(BOARD)
    lowered = lower_model(write_network(network, tmp_path), board)
    image = build_model(lowered, find_toolchain(), tmp_path).image
    benchmark(lambda: foreign_instructions(image, board.core))


@pytest.mark.parametrize("network", NETWORKS)
def test_emulate(benchmark: BenchmarkFixture, tmp_path: Path, network: str) -> None:
    """Sets the emulator up and runs a built program; `simulated_mips` is its speed in million instructions a second."""
    lowered = lower_model(write_network(network, tmp_path), load_board(BOARD))
    built, engine = build_model(lowered, find_toolchain(), tmp_path), find_engine("unicorn")
    inputs = random_inputs(lowered.graph)
    measured = benchmark(lambda: measure(built, engine, inputs, 10**10))
    benchmark.extra_info["simulated_mips"] = measured.run.profile.instructions / measured.run.seconds / 1e6


def test_one_trial(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Trains, quantises, exports, validates, builds and simulates one configuration of the digits space."""
    dataset = digits.load(None)
    configuration = Space(dataset.task).sample(np.random.default_rng(0))
    target = Target(load_board(BOARD))
    cost = emulated_cost(target, DEFAULTS, target.tools())
    evaluate = Evaluator(dataset, recipe_for("digits"), cost)
    folders = (tmp_path / str(index) for index in range(10**6))

    def trial() -> None:
        folder = next(folders)
        folder.mkdir()
        evaluate(configuration, seed=0, directory=folder, on_progress=lambda *_: None)

    benchmark.pedantic(trial, rounds=3)  # type: ignore[no-untyped-call]  # pytest-benchmark has none


@pytest.mark.parametrize("workers", [1, 2])
def test_twenty_models(benchmark: BenchmarkFixture, tmp_path: Path, workers: int) -> None:
    """Simulates two networks on five boards twice, and starts the workers for it. One worker compiles on all cores."""
    models = [write_network(network, tmp_path) for network in NETWORKS]
    boards = [load_board(name) for name in ("microbit", "bluepill", BOARD, "nucleo-f746zg", "nucleo-u575zi-q")]
    jobs = [Job(model, Target(board)) for model in models for board in boards] * 2
    outcomes = benchmark.pedantic(  # type: ignore[no-untyped-call]  # pytest-benchmark has none
        simulate_many, (jobs,), {"workers": workers}, rounds=3
    )
    for outcome in outcomes:
        if isinstance(outcome, SparseMcuError):
            raise outcome
