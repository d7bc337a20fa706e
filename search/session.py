"""One call of `search`: from names to tools and data, a run of the study, its report and picture."""

from dataclasses import dataclass
from pathlib import Path

from costmodel import __version__
from costmodel.cli import progress_console
from costmodel.devices import load_board
from costmodel.devices.types import Board
from costmodel.report import SimulationReport, ToolInfo
from search.dataset import Dataset
from search.datasets import find_dataset
from search.evaluation import CostEvaluator, Evaluator
from search.front import SearchReport, make_report
from search.objectives import Bounds
from search.plot import save_front
from search.runner import Budget, run_search
from search.settings import Settings
from search.space import Space
from search.strategy import Strategy
from search.study import Study
from search.tables import LiveView
from simulation.engines import find_engine
from simulation.firmware.kernels import DEFAULT, Optimise
from simulation.run import simulate_model
from simulation.toolchain import find_toolchain
from simulation.toolchain.protocol import Toolchain


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asks for, in names.

    Attributes:
        dataset: Its name.
        data_dir: Folder of its files, for those that are in no package.
        board: Its name.
        bounds: The user's limits.
        seed: Of everything random.
        toolchain: Name of the compiler; None for the best that is installed.
        engine: Name of the emulator.
        optimise: What kernels are chosen by.
    """

    dataset: str
    data_dir: Path | None
    board: str
    bounds: Bounds
    seed: int
    toolchain: str | None
    engine: str
    optimise: Optimise = DEFAULT


def run_session(request: Request, path: Path, budget: Budget, output: Path | None) -> SearchReport:
    """Run or go on with the study at `path`, then report it and draw its front.

    Args:
        request: What to search for.
        path: The study file.
        budget: When to stop.
        output: Folder of the picture; None for the study's artifacts.

    Raises:
        SparseMcuError: A name is unknown, a tool or a file is missing, or the study is another one.
    """
    board, toolchain = load_board(request.board), find_toolchain(request.toolchain)
    source = find_dataset(request.dataset)
    engine = find_engine(request.engine)
    with progress_console.status(f"loading {request.dataset}"):
        dataset = source.load(request.data_dir)
    settings = Settings(
        dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint,
        board=board.name,
        seed=request.seed,
        bounds=request.bounds,
        recipe=source.RECIPE,
        toolchain=ToolInfo(name=toolchain.name, version=toolchain.version),
        engine=ToolInfo(name=engine.name, version=engine.version),
        optimise=request.optimise,
        project_version=__version__,
    )
    with Study.open(path, settings) as study:
        cost = emulated_cost(toolchain, request.engine, request.optimise)
        _run(study, dataset, Evaluator(dataset, source.RECIPE, board, cost), budget)
        save_front(study.trials(), settings, output or study.artifacts)
        return make_report(study, board)


def emulated_cost(toolchain: Toolchain, engine: str, optimise: Optimise = DEFAULT) -> CostEvaluator:
    """Costs by building the firmware and running it on the emulated core."""

    def cost(path: Path, board: Board, directory: Path) -> SimulationReport:
        return simulate_model(path, board, directory=directory, toolchain=toolchain, engine=engine, optimise=optimise)

    return cost


def _run(study: Study, dataset: Dataset, evaluate: Evaluator, budget: Budget) -> None:
    strategy = Strategy(Space(dataset.task), study.settings.bounds, study.settings.seed)
    done = study.trials()
    try:
        with LiveView(done, budget.trials) as view:
            run_search(study, strategy, evaluate, budget, view)
    except KeyboardInterrupt:
        kept = sum(trial.result is not None for trial in study.trials())
        progress_console.print(f"Stopped; {kept} trials are in {study.path}. The same command goes on from there.")
        raise
