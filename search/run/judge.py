"""Trains finalists of a study anew with several seeds, and measures them on the test images."""

import shutil
from collections.abc import Callable, Sequence
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
from sparse_mcu.search.evaluation.protocol import ProgressCallback
from sparse_mcu.search.evaluation.result import Artifacts, Success
from sparse_mcu.search.evaluation.spot_check import SpotCheck
from sparse_mcu.search.results.front import pareto_front, successes
from sparse_mcu.search.results.held_out import HeldOutError, error_on
from sparse_mcu.search.results.judgement import FINALIST_FILE, JUDGED, ErrorOfSeeds, Finalist, JudgedSeed
from sparse_mcu.search.space.configuration import LeverChoice
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.study.trial import Trial
from sparse_mcu.simulation.cache.store import content_key

SEED_FILE = "seed.json"

OnSeed = Callable[[Trial, int], ProgressCallback]
Checker = Callable[[Path, LeverChoice], SpotCheck]
"""Runs some test images through the firmware of an ONNX file on the emulated core."""


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
    """

    study: Study
    dataset: Dataset
    evaluate: Evaluator
    check: Checker
    seeds: Sequence[int]
    facts: str

    def __call__(self, trial: Trial, on_seed: OnSeed) -> Finalist:
        """Trains one finalist with every seed, unless the result of that seed is there already, and adds them up.

        Args:
            trial: The trial whose configuration is trained.
            on_seed: Called before each seed; it gives what is called with the progress of that seed.

        Raises:
            CandidateError: A seed failed.
        """
        seeds = [self._seed(trial, seed, on_seed(trial, seed)) for seed in self.seeds]
        by_error = sorted(seeds, key=lambda each: (each.validation.value, each.seed))
        median = by_error[(len(by_error) - 1) // 2]
        finalist = Finalist(
            trial=trial.number,
            configuration=trial.configuration,
            network=describe(trial.configuration),
            recipe=self.evaluate.recipe,
            fine_tuning=self.evaluate.fine_tuning,
            validation=ErrorOfSeeds.of([each.validation for each in seeds]),
            test=ErrorOfSeeds.of([each.test for each in seeds]),
            median_seed=median.seed,
            objectives=median.objectives,
            fits=median.fits,
            seeds=seeds,
        )
        write_atomically(self.study.folder(trial) / JUDGED / FINALIST_FILE, finalist.model_dump_json(indent=2))
        return finalist

    def _seed(self, trial: Trial, seed: int, on_progress: ProgressCallback) -> JudgedSeed:
        home = self.study.folder(trial)
        folder = home / JUDGED / f"seed-{seed}-{self._basis(trial)[:16]}"
        if (stored := _read(folder / SEED_FILE)) is not None:
            return stored
        workspace = folder.with_name(f"{folder.name}.running")
        shutil.rmtree(workspace, ignore_errors=True)
        workspace.mkdir(parents=True)
        try:
            result = self._trained(trial, seed, workspace, on_progress)
            model, validation = workspace / result.artifacts.onnx, len(self.dataset.validation.labels)
            judged = JudgedSeed(
                seed=seed,
                validation=HeldOutError.of(result.objectives["error"].value, validation),
                test=error_on(load_graph(model), self.dataset.test),
                spot_check=self.check(model, trial.configuration.levers),
                objectives=result.objectives,
                fits=result.fits,
                model=result.model,
                folder=str(folder.relative_to(home)),
            )
            write_atomically(workspace / SEED_FILE, judged.model_dump_json(indent=2))
            shutil.rmtree(folder, ignore_errors=True)
            workspace.rename(folder)
        finally:
            shutil.rmtree(workspace, ignore_errors=True)
        return judged

    def _trained(self, trial: Trial, seed: int, workspace: Path, on_progress: ProgressCallback) -> Success:
        result = self.evaluate(trial.configuration, seed=seed, directory=workspace, on_progress=on_progress)
        if not isinstance(result, Success):
            where = f"trial {trial.number}, seed {seed}"
            raise CandidateError(f"{result.stage} failed: {result.reason}", where=where)
        return result

    def _basis(self, trial: Trial) -> str:
        """Returns a hash of all that the result of a seed follows from, apart from the seed."""
        data = (self.dataset.fingerprint, self.dataset.test_fingerprint)
        records = (trial.configuration.model_dump_json(), self.evaluate.recipe.model_dump_json())
        return content_key(__version__, self.facts, *records, *data, str(self.evaluate.fine_tuning))


def _read(path: Path) -> JudgedSeed | None:
    """Returns a stored result, if its network is still the one that was judged."""
    try:
        stored = JudgedSeed.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    network = path.parent / Artifacts().onnx
    return stored if network.is_file() and load_graph(network).sha256 == stored.model.sha256 else None


def finalists_of(study: Study, numbers: Sequence[int] | None) -> list[Trial]:
    """Returns the trials that are named, or the members of the front.

    Args:
        study: The study.
        numbers: The numbers of the trials; None stands for the front.

    Raises:
        StudyError: A trial is unknown or incomplete, or the front is empty.
    """
    trials, settings = study.trials(), study.settings
    if numbers is None:
        front = [trial for trial, _ in pareto_front(trials, settings.bounds, settings.objectives)]
        if not front:
            raise StudyError("no trial keeps the limits", where=str(study.place), fix="Name some with --trials.")
        return front
    complete = {trial.number: trial for trial, _ in successes(trials)}
    for number in numbers:
        if number not in complete:
            raise StudyError(
                f"trial {number} is not complete", where=str(study.place), fix="Name numbers that `search` shows."
            )
    return [complete[number] for number in dict.fromkeys(numbers)]
