"""Records the result of one candidate: its objectives and files, or why it was stopped or failed."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import ModelInfo, ToolInfo
from sparse_mcu.search.evaluation.objectives import Objectives

Stage = Literal["training", "pruning", "quantization", "validation", "cost"]
STAGES: tuple[Stage, ...] = ("training", "pruning", "quantization", "validation", "cost")


class Artifacts(Record):
    """The files of a trial, relative to its folder.

    Attributes:
        onnx: The int8 model.
        report: The JSON report of `simulate` for that model.
        firmware: The folder with the generated C and the ELF.
        weights: The float weights, for morphs of the network.
    """

    onnx: str = "candidate.onnx"
    report: str = "report.json"
    firmware: str = "firmware"
    weights: str = "weights.pt"


class CrossCheck(Record):
    """Compares onnxruntime with the integer reference on the validation images. The objective is the reference's error.

    Attributes:
        images: The number of validation images.
        differing: The number of images that onnxruntime puts into another class than the reference does.
        onnxruntime_error: The share of images that onnxruntime puts into a wrong class.
    """

    images: Annotated[int, Field(ge=1)]
    differing: Annotated[int, Field(ge=0)]
    onnxruntime_error: Annotated[float, Field(ge=0, le=1)]


class Rung(Record):
    """A point of the training at which the error is looked at.

    Attributes:
        share: The share of the training's epochs that is done then, rounded up to whole epochs.
        limit: The largest error on the validation images with which the training goes on; None for any.
        reason: Why a larger error is not worth the rest of the training.
    """

    share: Annotated[float, Field(gt=0, lt=1)]
    limit: Annotated[float, Field(ge=0)] | None = None
    reason: str = ""

    def stops(self, error: float) -> bool:
        """Returns whether a training with that error is not worth the rest."""
        return self.limit is not None and error > self.limit


class RungError(Record):
    """The error of the float network on the validation images at a rung.

    Attributes:
        share: The share of the rung.
        error: The share of images that are put into a wrong class.
        inherited: Whether the training began with a parent's weights, and so is shorter. Older records lack it: there,
            every trial with a parent inherited.
    """

    share: Annotated[float, Field(gt=0, lt=1)]
    error: Annotated[float, Field(ge=0, le=1)]
    inherited: bool | None = None


class WeightCounts(Record):
    """The numbers of a network's weights, without biases.

    Attributes:
        trained: The number of weights that were trained.
        stored: The number of weights in the exported network: fewer, if pruning removed channels.
        nonzero: The number of those that are not zero as int8.
    """

    trained: Annotated[int, Field(ge=0)]
    stored: Annotated[int, Field(ge=0)]
    nonzero: Annotated[int, Field(ge=0)]


class Success(Record):
    """The objectives of a candidate that was evaluated, even if it does not fit its board.

    Attributes:
        objectives: The errors and the costs.
        fits: Whether the board's memories hold the firmware.
        unpruned_error: The float network's share of wrong classes before pruning; None if it was not pruned.
        weight_counts: The weights before and after pruning; None in studies that did not record them.
        check: The comparison with onnxruntime.
        model: The name and the hash of the ONNX file.
        toolchain: The compiler of the firmware.
        engine: The emulator that ran the firmware.
        artifacts: The files of the trial.
        seconds: The wall time of each stage in seconds.
        rungs: The errors at the rungs of the training.
    """

    kind: Literal["success"] = "success"
    objectives: Objectives
    fits: bool
    unpruned_error: float | None = None
    weight_counts: WeightCounts | None = None
    check: CrossCheck
    model: ModelInfo
    toolchain: ToolInfo
    engine: ToolInfo
    artifacts: Artifacts
    seconds: dict[Stage, float]
    rungs: tuple[RungError, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_older(cls, record: Any) -> Any:  # noqa: ANN401 - whatever a file holds
        """Reads results of schema 2, where the error of the float network stands beside the objectives."""
        if not isinstance(record, dict) or "float_error" not in record:
            return record
        rest = {key: value for key, value in record.items() if key != "float_error"}
        error = {"value": record["float_error"], "fidelity": "analysed"}
        return {**rest, "objectives": {**rest["objectives"], "float_error": error}}


class Failure(Record):
    """The reason why a candidate could not be evaluated.

    Attributes:
        stage: The stage that failed.
        error: The type of the error.
        reason: The message of the error.
        seconds: The wall time of each stage that began, in seconds.
    """

    kind: Literal["failure"] = "failure"
    stage: Stage
    error: str
    reason: str
    seconds: dict[Stage, float]


class Stopped(Record):
    """A candidate whose training ended at a rung, because it cannot become good enough.

    Attributes:
        stage: The stage that was not finished.
        reason: Why it was not worth more.
        rungs: The errors at the rungs; the last one ended the trial.
        seconds: The wall time of each stage that began, in seconds.
    """

    kind: Literal["stopped"] = "stopped"
    stage: Stage
    reason: str
    rungs: Annotated[tuple[RungError, ...], Field(min_length=1)]
    seconds: dict[Stage, float]


Result = Annotated[Success | Stopped | Failure, Field(discriminator="kind")]
