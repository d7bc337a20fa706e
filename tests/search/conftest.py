"""Stand-ins for the slow parts of a search: costs and results that follow from the configuration alone."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.report import (
    CyclesReport,
    FlashReport,
    MemoryReport,
    ModelInfo,
    RamReport,
    SimulationReport,
    ToolInfo,
)
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import Objective, Objectives
from sparse_mcu.search.evaluation.protocol import Parent, ProgressCallback
from sparse_mcu.search.evaluation.result import Artifacts, CrossCheck, Failure, Result, Rung, Success
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.space.configuration import NO_LEVERS, Configuration, LeverChoice
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.space.task import Task
from sparse_mcu.search.study.settings import Settings, StrategySettings

TASK = Task((1, 8, 8), 10)
COMPILER = ToolInfo(name="compiler", version="1")
EMULATOR = ToolInfo(name="emulator", version="2")


def make_result(configuration: Configuration, *, fits: bool = True) -> Success:
    """A result whose costs grow, and whose error falls, with the network's size."""
    architecture = build_architecture(configuration, TASK)
    return Success(
        objectives=Objectives(
            {
                "error": Objective(value=min(0.9, 1 / (1 + architecture.macs**0.4)), fidelity="analysed"),
                "ram_bytes": Objective(value=300 + architecture.working_memory, fidelity="analysed"),
                "flash_bytes": Objective(value=2000 + architecture.weights, fidelity="analysed"),
                "latency_ms": Objective(value=0.1 + architecture.macs / 1e3, fidelity="estimated"),
                "model_size": Objective(value=architecture.weights, fidelity="analysed"),
            }
        ),
        fits=fits,
        check=CrossCheck(images=400, differing=1, onnxruntime_error=0.5),
        model=ModelInfo(name="candidate", sha256="0" * 64),
        toolchain=COMPILER,
        engine=EMULATOR,
        artifacts=Artifacts(),
        seconds={"training": 0.5},
    )


class FakeEvaluator:
    """Evaluates at once; fails for every network with an odd number of blocks where told to."""

    def __init__(self, *, failing: bool = False) -> None:
        self.failing = failing
        self.seeds: list[int] = []
        self.parents: list[Parent | None] = []
        self.rungs: list[tuple[Rung, ...]] = []

    def __call__(
        self,
        configuration: Configuration,
        *,
        seed: int,
        directory: Path,
        on_progress: ProgressCallback,
        parent: Parent | None = None,
        rungs: Sequence[Rung] = (),
    ) -> Result:
        """Leave one artifact that depends on configuration and seed."""
        on_progress("training", 0.0)
        self.parents.append(parent)
        self.rungs.append(tuple(rungs))
        self.seeds.append(seed)
        (directory / Artifacts().onnx).write_text(f"{seed} {configuration.model_dump_json()}", encoding="utf-8")
        if self.failing and len(configuration.blocks) % 2 == 1:
            return Failure(stage="training", error="CandidateError", reason="diverged", seconds={})
        return make_result(configuration)


def make_settings(seed: int = 0, bounds: Bounds | None = None, **changes: object) -> Settings:
    """Settings of a study that needs no tools; `changes` replace other fields."""
    settings = Settings(
        dataset="digits",
        dataset_fingerprint="0" * 64,
        board="microbit",
        seed=seed,
        bounds=bounds or Bounds(),
        recipe=Recipe(epochs=1),
        strategy=StrategySettings(name="random", parameters={"filtered": True}),
        space=Limits(max_macs=1000, max_weights=2000),
        toolchain=COMPILER,
        engine=EMULATOR,
        project_version="0.1.0",
        versions={"torch": "1"},
    )
    return Settings.model_validate({**settings.model_dump(), **changes})


def make_simulation(path: Path, _directory: Path, _levers: LeverChoice = NO_LEVERS) -> SimulationReport:
    """Returns what `simulate` might answer for a file on a microbit; its flash is the file's size."""
    board = load_board("microbit")
    return SimulationReport(
        project_version="0.1.0",
        model=ModelInfo(name=path.stem, sha256=hashlib.sha256(path.read_bytes()).hexdigest()),
        board=board.name,
        core=board.core.name,
        toolchain=COMPILER,
        engine=EMULATOR,
        ram=RamReport(
            total_bytes=1000, arena_bytes=500, static_bytes=100, stack_bytes=400, capacity_bytes=board.ram.size_bytes
        ),
        flash=FlashReport(
            total_bytes=path.stat().st_size,
            code_bytes=1,
            weights_bytes=1,
            constants_bytes=1,
            vectors_bytes=1,
            data_bytes=0,
            capacity_bytes=board.flash.size_bytes,
        ),
        memory=MemoryReport(
            proven=True, lower_bound_bytes=500, peak_step="a", peak_live_bytes=500, schedule=["a"], placement=[]
        ),
        fits=True,
        shortfalls=[],
        cycles=CyclesReport(total=16000, layers=[], timing_model="none"),
        instructions=9000,
        latency_ms=1.0,
        latency_fidelity="estimated",
        energy_uj=1.0,
        energy_fidelity="estimated",
        power_source="documented: a data sheet",
        outputs={"logits": [0]},
        outputs_match_reference=True,
        simulated_mips=1.0,
    )


@pytest.fixture(scope="session")
def space() -> Space:
    """The space of the digits."""
    return Space(TASK)


@pytest.fixture(scope="session")
def microbit() -> Board:
    """A small board."""
    return load_board("microbit")


@pytest.fixture(name="make_settings", scope="session")
def _make_settings() -> Callable[..., Settings]:
    return make_settings


@pytest.fixture(name="make_result", scope="session")
def _make_result() -> Callable[..., Success]:
    return make_result


@pytest.fixture(name="make_simulation", scope="session")
def _make_simulation() -> Callable[..., SimulationReport]:
    return make_simulation


@pytest.fixture(name="make_evaluator", scope="session")
def _make_evaluator() -> Callable[..., FakeEvaluator]:
    return FakeEvaluator
