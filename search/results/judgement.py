"""Records what `judge` found about a finalist: the errors of its retrained seeds, and what these add up to."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError

from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import SCHEMA_VERSION, Fidelity, ModelInfo, ToolInfo
from sparse_mcu.search.evaluation.objectives import Objectives
from sparse_mcu.search.evaluation.spot_check import SpotCheck
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.results.held_out import HeldOutError, standard_error
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.study.trial import Trial

JUDGED = "judged"
"""The folder of a trial that `judge` fills."""
FINALIST_FILE = "finalist.json"


class ErrorOfSeeds(Record):
    """The error of one network that was trained several times with different seeds.

    Attributes:
        mean: The mean of the seeds' shares of wrong classes.
        deviation: The standard deviation over the seeds (of a sample); None for one seed.
        standard_error: The binomial standard error of the mean, for the choice of these images. All seeds see the same
            images, so more seeds do not make it smaller.
        images: The number of images.
        seeds: The number of seeds.
        fidelity: How the classes were computed.
    """

    mean: Annotated[float, Field(ge=0, le=1)]
    deviation: Annotated[float, Field(ge=0)] | None
    standard_error: Annotated[float, Field(ge=0)]
    images: Annotated[int, Field(ge=1)]
    seeds: Annotated[int, Field(ge=1)]
    fidelity: Fidelity

    @classmethod
    def of(cls, errors: Sequence[HeldOutError]) -> Self:
        """Adds up the errors of the seeds, at least one, on the same images."""
        shares = [error.value for error in errors]
        mean = fmean(shares)
        return cls(
            mean=mean,
            deviation=stdev(shares) if len(shares) > 1 else None,
            standard_error=standard_error(mean, errors[0].images),
            images=errors[0].images,
            seeds=len(errors),
            fidelity=errors[0].fidelity,
        )

    @property
    def spread(self) -> float:
        """Returns the deviation over the seeds and the standard error of the images as one: the root of the squares."""
        return sqrt((self.deviation or 0.0) ** 2 + self.standard_error**2)


class JudgedSeed(Record):
    """A finalist that was trained anew with one seed.

    Attributes:
        seed: The seed of the training.
        validation: Its error on the validation images; None if it was trained on them, too.
        test: Its error on the test images.
        spot_check: What some test images gave on the emulated core.
        objectives: Its costs, and its validation errors where there are such.
        fits: Whether the board's memories hold it.
        model: The name and the hash of its ONNX file.
        folder: The folder of its ONNX file, firmware and report, in the folder of the trial.
    """

    seed: int
    validation: HeldOutError | None
    test: HeldOutError
    spot_check: SpotCheck
    objectives: Objectives
    fits: bool
    model: ModelInfo
    folder: str


class Finalist(Record):
    """A finalist with all its seeds.

    Attributes:
        trial: The number of the trial whose configuration it has.
        configuration: The configuration.
        network: The configuration in its text form.
        recipe: How every seed was trained.
        fine_tuning: The number of passes of quantisation-aware training after the recipe's.
        validation: The error on the validation images, over the seeds; None if these were trained on.
        test: The error on the test images, over the seeds.
        median_seed: The seed whose validation error is the median: the lower one of two. Without such errors it is the
            middle one.
        objectives: The costs of that seed.
        fits: Whether the board's memories hold that seed.
        seeds: All seeds.
    """

    trial: int
    configuration: Configuration
    network: str
    recipe: Recipe
    fine_tuning: int
    validation: ErrorOfSeeds | None
    test: ErrorOfSeeds
    median_seed: int
    objectives: Objectives
    fits: bool
    seeds: list[JudgedSeed]


class JudgeReport(Record):
    """The result of `judge`: the finalists by their validation error, since the test images must choose nothing.

    If they were trained on the validation images, too, they are in the order of their validation errors in the study.

    Attributes:
        study: The study file.
        dataset: The name of the dataset.
        dataset_fingerprint: That of its training and validation images; the study has the same.
        test_fingerprint: That of its test images.
        board: The board.
        toolchain: The compiler.
        engine: The emulator.
        project_version: The version of sparse-mcu that judged.
        finalists: The finalists.
    """

    schema_version: int = SCHEMA_VERSION
    kind: Literal["judgement"] = "judgement"
    study: str
    dataset: str
    dataset_fingerprint: str
    test_fingerprint: str
    board: str
    toolchain: ToolInfo
    engine: ToolInfo
    project_version: str
    finalists: list[Finalist]


def stored_finalist(study: Study, trial: Trial) -> Finalist | None:
    """Returns what `judge` last found about a trial; None if there is nothing that can be read."""
    path = study.folder(trial) / JUDGED / FINALIST_FILE
    try:
        return Finalist.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
