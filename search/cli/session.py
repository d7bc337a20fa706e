"""Runs one call of `search`: it finds the tools and the data, runs the study, and makes the report and a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.cli.console import progress_console
from sparse_mcu.search.cli.live import LiveView
from sparse_mcu.search.cli.pictures import Pictures
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.evaluator import Evaluator
from sparse_mcu.search.evaluation.objectives import DEFAULT_OBJECTIVES
from sparse_mcu.search.evaluation.pricing import Pricer
from sparse_mcu.search.network.recipe import recipe_for
from sparse_mcu.search.results.importances import save_importances
from sparse_mcu.search.results.plot import save_front
from sparse_mcu.search.results.report import SearchReport, make_report
from sparse_mcu.search.run.assignment import Crew
from sparse_mcu.search.run.crews import Workers
from sparse_mcu.search.run.local import Setup
from sparse_mcu.search.run.runner import Budget, run_search
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe, parse
from sparse_mcu.search.space.limits import DEFAULT_LIMITS, Limits
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.text_error import NetworkTextError
from sparse_mcu.search.storage.place import Place
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.strategies.names import StrategyChoice
from sparse_mcu.search.strategies.protocol import Problem, Strategy, settings_of
from sparse_mcu.search.strategies.registry import make_strategy
from sparse_mcu.search.study.settings import Settings, library_versions
from sparse_mcu.simulation.execution.target import Target, Tools
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The user's request.

    Attributes:
        data: The images, by dataset and folder.
        objectives: The names of the objectives to minimise, in the order of `KINDS`.
        bounds: The user's limits.
        start: The networks that are tried first, in their text form.
        space: Which networks may be tried.
        strategy: What decides which network comes next.
        seed: The seed of all random choices.
        epochs: The number of passes over the training images; None for that of the recipe.
        target: Where candidates must run.
        options: How their firmware is made.
    """

    data: DataRequest
    objectives: tuple[str, ...] = DEFAULT_OBJECTIVES
    bounds: Bounds
    start: tuple[str, ...] = ()
    space: Limits = DEFAULT_LIMITS
    strategy: StrategyChoice = field(default_factory=StrategyChoice)
    seed: int
    epochs: int | None = None
    target: Target
    options: BuildOptions = DEFAULTS


def run_session(request: Request, place: Place, budget: Budget, workers: Workers, pictures: Pictures) -> SearchReport:
    """Runs a new study or continues one, draws its front, and returns its report.

    Args:
        request: What to search for.
        place: Where the study is.
        budget: When to stop.
        workers: Who evaluates trials.
        pictures: What is drawn, and where.

    Raises:
        SparseMcuError: A name is unknown, a tool or a file is missing, or the study has other settings.
    """
    with request.target.tools() as tools:
        return _run_with(tools, request, place, budget, workers, pictures)


def _run_with(
    tools: Tools,
    request: Request,
    place: Place,
    budget: Budget,
    workers: Workers,
    pictures: Pictures,
) -> SearchReport:
    toolchain, engine = tools.infos
    target, board = replace(request.target, toolchain=toolchain.name), request.target.board
    recipe = recipe_for(request.data.name).with_epochs(request.epochs)
    start = [parse(text) for text in request.start]
    with progress_console.status(f"loading {request.data.name}"):
        dataset = request.data.load()
    baselines = pictures.read_baselines(dataset)
    space = Space(dataset.task, request.space)
    problem = Problem(
        space=space,
        bounds=request.bounds.within(board),
        seed=request.seed,
        objectives=request.objectives,
        start=_canonical(start, space),
        price=Pricer(dataset.task, target, request.options, tools).price,
        preferences=request.strategy.preferences,
        images=len(dataset.validation.labels),
    )
    strategy = make_strategy(request.strategy.name, problem, request.strategy.parameters)
    settings = Settings(
        dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint,
        board=board.name,
        seed=request.seed,
        objectives=request.objectives,
        bounds=request.bounds,
        recipe=recipe,
        strategy=settings_of(request.strategy.name, strategy),
        space=space.limits,
        start=tuple(map(describe, problem.start)),
        toolchain=toolchain,
        engine=engine,
        build=request.options,
        project_version=__version__,
        versions=library_versions(),
    )
    with Study.open(place, settings) as study:
        _warn_of_versions(settings, study)
        setup = Setup(data=request.data, recipe=recipe, target=target, options=request.options)
        evaluate = setup.evaluator(dataset, tools)
        view = LiveView(study.trials(), budget, study.settings, board)
        with workers.crew(setup, dataset, (toolchain, engine)) as crew:
            _run(study, strategy, evaluate, budget, crew, view)
        report, folder = make_report(study, board), pictures.folder or study.artifacts
        save_front(study.trials(), settings, folder, baselines)
        save_importances(report.importances, f"{settings.dataset} on {settings.board}", folder)
        return report


def _canonical(start: Sequence[Configuration], space: Space) -> tuple[Configuration, ...]:
    """Returns the networks in canonical form, each once.

    Raises:
        NetworkTextError: The space does not contain one of them.
    """
    for configuration in start:
        refusal = next(space.refusals(configuration), None)
        if refusal is not None:
            raise NetworkTextError(
                f"{describe(configuration)!r} is not in the search space: {refusal}",
                where="--start",
                fix="Change it; `sparse-mcu train` takes any network.",
            )
    return tuple(dict.fromkeys(map(space.canonical, start)))


def _warn_of_versions(settings: Settings, study: Study) -> None:
    """Warns if a study continues with other library versions than it began with."""
    changes = settings.version_differences(study.settings)
    if changes:
        progress_console.print(
            f"Warning: {study.place} continues with other library versions than it began with: {'; '.join(changes)}. "
            "The versions in its settings may not repeat its new trials.",
            highlight=False,
        )


def _run(
    study: Study, strategy: Strategy, evaluate: Evaluator, budget: Budget, crew: Crew | None, view: LiveView
) -> None:
    try:
        with view:
            run_search(study, strategy, evaluate, budget, view, crew)
    except KeyboardInterrupt:
        kept = sum(trial.result is not None for trial in study.trials())
        progress_console.print(f"Stopped. Trials in {study.place}: {kept}. The same command continues from there.")
        raise
