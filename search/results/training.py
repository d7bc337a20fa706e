"""Defines the report of `train`: the accuracy and the costs of one network, as `--json` writes them."""

from typing import Annotated, Literal, Self

from pydantic import Field

from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.evaluation.result import CrossCheck, Stage, Success, WeightCounts
from sparse_mcu.search.evaluation.spot_check import SpotCheck
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.results.held_out import HeldOutError
from sparse_mcu.search.space.configuration import Configuration

Share = Annotated[float, Field(ge=0, le=1)]


class Accuracy(Record):
    """The shares of images that a network puts into the right class.

    Attributes:
        unpruned: The share of validation images, before pruning and quantisation; None if nothing was pruned.
        float: The share of validation images, before quantisation.
        validation: The share of validation images, on the board.
        test: The share of test images, on the board; None if the user did not ask for it.
        validation_images: The number of validation images.
        test_images: The number of test images; None if the user did not ask for them.
    """

    unpruned: Share | None = None
    float: Share
    validation: Share
    test: Share | None
    validation_images: int
    test_images: int | None

    @classmethod
    def of(cls, result: Success, test: HeldOutError | None) -> Self:
        """Returns the accuracies that follow from a trial's errors.

        Args:
            result: The result of the trial.
            test: Its error on the test images; None if it was not measured.
        """
        return cls(
            unpruned=None if result.unpruned_error is None else 1 - result.unpruned_error,
            float=1 - result.objectives["float_error"].value,
            validation=1 - result.objectives["error"].value,
            test=None if test is None else 1 - test.value,
            validation_images=result.check.images,
            test_images=None if test is None else test.images,
        )


class TrainingReport(SimulationReport):
    """The report of `train`: the report of `simulate` on the trained network, and how it was trained.

    Attributes:
        network: The network in its text form.
        configuration: The configuration of the text.
        dataset: The name of the dataset.
        dataset_fingerprint: The sha256 of its images and labels in their three parts.
        seed: The seed of the training.
        recipe: How the network was trained.
        weights: The number of weights of the text's network, without biases.
        weight_counts: The weights before and after pruning and quantisation.
        macs: The multiply-accumulates of one inference of the text's network.
        accuracy: The accuracy on validation images, and on test images if the user asked for it.
        check: The cross-check of the validation error by onnxruntime.
        fine_tuning: The number of passes of quantisation-aware training after the recipe's.
        spot_check: What some test images gave on the emulated core; None if the user did not ask for the test images.
        seconds: The wall time of each stage.
        folder: The folder of the ONNX file, the firmware and the report of `simulate`; None if they were not kept.
    """

    kind: Literal["training"] = "training"  # type: ignore[assignment]  # a record of another kind with the same keys
    network: str
    configuration: Configuration
    dataset: str
    dataset_fingerprint: str
    seed: int
    recipe: Recipe
    weights: int
    weight_counts: WeightCounts | None
    macs: int
    accuracy: Accuracy
    check: CrossCheck
    fine_tuning: int = 0
    spot_check: SpotCheck | None = None
    seconds: dict[Stage, float]
    folder: str | None
