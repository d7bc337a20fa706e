"""Trains finalists of a study anew with several seeds, and measures them on the test images."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.costmodel.files import write_atomically
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.evaluation.evaluator import Evaluator
from sparse_mcu.search.evaluation.figures import CandidateError
from sparse_mcu.search.evaluation.objectives import Objectives, is_trained
from sparse_mcu.search.evaluation.protocol import ProgressCallback
from sparse_mcu.search.evaluation.result import STAGES, Artifacts, Result, Stage, Success
from sparse_mcu.search.evaluation.spot_check import SpotCheck
from sparse_mcu.search.results.front import feasible_trials, pareto_front, successes
from sparse_mcu.search.results.held_out import HeldOutError, error_on
from sparse_mcu.search.results.judgement import FINALIST_FILE, JUDGED, ErrorOfSeeds, Finalist, JudgedSeed
from sparse_mcu.search.run.assignment import Assignment, Crew
from sparse_mcu.search.space.configuration import LeverChoice
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.study.trial import Trial
from sparse_mcu.simulation.cache.store import content_key

SEED_FILE = "seed.json"

OnShare = Callable[[Trial, int, float], None]
"""Called with a finalist, a seed, and the share of that training that is done: 1 once its result is kept."""
Checker = Callable[[Path, LeverChoice], SpotCheck]
"""Runs some test images through the firmware of an ONNX file on the emulated core."""


@dataclass(frozen=True, slots=True)
class _Training:
    """A finalist that is trained with one seed.

    Attributes:
        trial: The finalist.
        seed: The seed.
        folder: The folder that gets the result; it is there as soon as the result is whole.
    """

    trial: Trial
    seed: int
    folder: Path

    @property
    def workspace(self) -> Path:
        """Returns the folder of a training that is not finished."""
        return self.folder.with_name(f"{self.folder.name}.running")


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Judges finalists.

    Attributes:
        study: The study that they come from.
        dataset: The images of the study.
        evaluate: What trains and measures a network; its recipe is that of the finalists.
        check: What compares the firmware of a seed with the reference.
        seeds: The seeds of the trainings.
        facts: All else that a result follows from, such as the board and the compiler, in words.
        refit: Whether `evaluate` and the crew train on the validation images, too. Then no validation error is known.
        crew: What trains side by side as `evaluate` would; None lets `evaluate` do it, one after another.
    """

    study: Study
    dataset: Dataset
    evaluate: Evaluator
    check: Checker
    seeds: Sequence[int]
    facts: str
    refit: bool = False
    crew: Crew | None = None

    def __call__(self, trials: Sequence[Trial], on_share: OnShare) -> list[Finalist]:
        """Trains each finalist with every seed, unless the result of that seed is there already, and adds them up.

        Args:
            trials: The finalists.
            on_share: Called as the trainings advance. A crew says only when one ends.

        Raises:
            CandidateError: A seed failed.
        """
        trainings = [self._training(trial, seed) for trial in trials for seed in self.seeds]
        kept = dict[Path, JudgedSeed]()
        for each in trainings:
            if (stored := _read(each.folder / SEED_FILE)) is not None:
                kept[each.folder] = stored
                on_share(each.trial, each.seed, 1.0)
        missing = [each for each in trainings if each.folder not in kept]

        def assignments() -> Iterator[Assignment]:
            for each in missing:
                workspaces.callback(shutil.rmtree, each.workspace, ignore_errors=True)
                shutil.rmtree(each.workspace, ignore_errors=True)
                each.workspace.mkdir(parents=True)
                yield Assignment(each.trial.configuration, each.seed, each.workspace)

        def finish(index: int, result: Result) -> None:
            each = missing[index]
            kept[each.folder] = self._judged(each, result)
            on_share(each.trial, each.seed, 1.0)

        def alone(assignments: Iterable[Assignment], on_done: Callable[[int, Result], None]) -> None:
            for index, (each, assignment) in enumerate(zip(missing, assignments, strict=True)):
                on_done(index, assignment.evaluated_by(self.evaluate, _shares(each, on_share)))

        with ExitStack() as workspaces:
            (self.crew or alone)(assignments(), finish)
        return [
            self._finalist(trial, [kept[each.folder] for each in trainings if each.trial is trial]) for trial in trials
        ]

    def _training(self, trial: Trial, seed: int) -> _Training:
        name = f"seed-{seed}-{self._basis(trial)[:16]}"
        return _Training(trial, seed, self.study.folder(trial) / JUDGED / name)

    def _judged(self, training: _Training, result: Result) -> JudgedSeed:
        """Measures a trained network on the test images, and keeps the result."""
        trial, seed, workspace = training.trial, training.seed, training.workspace
        if not isinstance(result, Success):
            where = f"trial {trial.number}, seed {seed}"
            raise CandidateError(f"{result.stage} failed: {result.reason}", where=where)
        model, objectives = workspace / result.artifacts.onnx, result.objectives
        judged = JudgedSeed(
            seed=seed,
            validation=None if self.refit else self._validation(objectives),
            test=error_on(load_graph(model), self.dataset.test),
            spot_check=self.check(model, trial.configuration.levers),
            objectives=_untrained(objectives) if self.refit else objectives,
            fits=result.fits,
            model=result.model,
            folder=str(training.folder.relative_to(self.study.folder(trial))),
        )
        write_atomically(workspace / SEED_FILE, judged.model_dump_json(indent=2))
        shutil.rmtree(training.folder, ignore_errors=True)
        workspace.rename(training.folder)
        return judged

    def _validation(self, objectives: Objectives) -> HeldOutError:
        return HeldOutError.of(objectives["error"].value, len(self.dataset.validation.labels))

    def _finalist(self, trial: Trial, seeds: list[JudgedSeed]) -> Finalist:
        """Adds up the seeds of a finalist, and keeps the sum."""
        errors = [each.validation for each in seeds if each.validation is not None]
        by_error = sorted(seeds, key=lambda each: (each.validation.value if each.validation else 0.0, each.seed))
        median = by_error[(len(by_error) - 1) // 2]
        finalist = Finalist(
            trial=trial.number,
            configuration=trial.configuration,
            network=describe(trial.configuration),
            recipe=self.evaluate.recipe,
            fine_tuning=self.evaluate.fine_tuning,
            validation=ErrorOfSeeds.of(errors) if errors else None,
            test=ErrorOfSeeds.of([each.test for each in seeds]),
            median_seed=median.seed,
            objectives=median.objectives,
            fits=median.fits,
            seeds=seeds,
        )
        write_atomically(self.study.folder(trial) / JUDGED / FINALIST_FILE, finalist.model_dump_json(indent=2))
        return finalist

    def _basis(self, trial: Trial) -> str:
        """Returns a hash of all that the result of a seed follows from, apart from the seed."""
        data = (self.dataset.fingerprint, self.dataset.test_fingerprint)
        records = (trial.configuration.model_dump_json(), self.evaluate.recipe.model_dump_json())
        return content_key(__version__, self.facts, *records, *data, str(self.evaluate.fine_tuning), str(self.refit))


def _shares(training: _Training, on_share: OnShare) -> ProgressCallback:
    """Returns what turns the share of a stage into that of the whole training."""

    def on_progress(stage: Stage, share: float) -> None:
        on_share(training.trial, training.seed, (STAGES.index(stage) + share) / (len(STAGES) + 1))

    return on_progress


def _untrained(objectives: Objectives) -> Objectives:
    """Returns the objectives without the errors on images that were trained on."""
    return Objectives({name: each for name, each in objectives.root.items() if not is_trained(name)})


def _read(path: Path) -> JudgedSeed | None:
    """Returns a stored result, if its network is still the one that was judged."""
    try:
        stored = JudgedSeed.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    network = path.parent / Artifacts().onnx
    return stored if network.is_file() and load_graph(network).sha256 == stored.model.sha256 else None


def finalists_of(study: Study, numbers: Sequence[int] | None, best: int | None = None) -> list[Trial]:
    """Returns the trials that are named, or those with the least validation error, or the members of the front.

    Args:
        study: The study.
        numbers: The numbers of the trials; None names none.
        best: How many trials with the least validation error are taken, of those that keep the limits, if none is
            named; None takes the front.

    Raises:
        StudyError: A trial is unknown or incomplete, or no trial keeps the limits.
    """
    trials, settings = study.trials(), study.settings
    if numbers is None:
        pairs = pareto_front(trials, settings.bounds, settings.objectives)
        if best is not None:
            pairs = feasible_trials(trials, settings.bounds)
            pairs = sorted(pairs, key=lambda pair: (pair[1].objectives["error"].value, pair[0].number))[:best]
        if not pairs:
            raise StudyError("no trial keeps the limits", where=str(study.place), fix="Name some with --trials.")
        return [trial for trial, _ in pairs]
    complete = {trial.number: trial for trial, _ in successes(trials)}
    for number in numbers:
        if number not in complete:
            raise StudyError(
                f"trial {number} is not complete", where=str(study.place), fix="Name numbers that `search` shows."
            )
    return [complete[number] for number in dict.fromkeys(numbers)]
