"""The answer of `train`: one network's accuracy and costs, as a JSON record."""

from typing import Annotated, Literal, Self

from pydantic import Field

from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.evaluation.result import CrossCheck, Stage, Success
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.results.held_out import HeldOutError
from sparse_mcu.search.space.configuration import Configuration

Share = Annotated[float, Field(ge=0, le=1)]


class Accuracy(Record):
    """Shares of images that are put into the right class.

    Attributes:
        float: Of the validation images, before quantisation.
        validation: Of the validation images, on the board.
        test: Of the test images, on the board; None where they were not asked for.
        validation_images: Number of validation images.
        test_images: Number of test images; None where they were not asked for.
    """

    float: Share
    validation: Share
    test: Share | None
    validation_images: int
    test_images: int | None

    @classmethod
    def of(cls, result: Success, test: HeldOutError | None) -> Self:
        """The accuracies that a trial's errors say.

        Args:
            result: The trial.
            test: Its error on the test images.
        """
        return cls(
            float=1 - result.float_error,
            validation=1 - result.objectives.error.value,
            test=None if test is None else 1 - test.value,
            validation_images=result.check.images,
            test_images=None if test is None else test.images,
        )


class TrainingReport(SimulationReport):
    """What `train` answers: all that `simulate` says of the trained network, and how it was trained.

    Attributes:
        network: Its text form.
        configuration: What the text says.
        dataset: Name of the dataset.
        dataset_fingerprint: sha256 of its images and labels.
        seed: Of the training.
        recipe: How it was trained.
        weights: Number of its weights.
        macs: Multiply-accumulates of one inference.
        accuracy: On validation images, and on test images where they were asked for.
        check: What onnxruntime says on the validation images.
        seconds: Wall time by stage.
        folder: Where the ONNX file, the firmware and the report of `simulate` are; None where they were not kept.
    """

    kind: Literal["training"] = "training"  # type: ignore[assignment]  # a record of another kind with the same keys
    network: str
    configuration: Configuration
    dataset: str
    dataset_fingerprint: str
    seed: int
    recipe: Recipe
    weights: int
    macs: int
    accuracy: Accuracy
    check: CrossCheck
    seconds: dict[Stage, float]
    folder: str | None
