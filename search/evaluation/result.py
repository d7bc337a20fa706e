"""What became of one candidate: its objectives and files, or why it failed."""

from typing import Annotated, Literal

from pydantic import Field

from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import ModelInfo, ToolInfo
from sparse_mcu.search.evaluation.objectives import Objectives

Stage = Literal["training", "quantization", "validation", "cost"]
STAGES: tuple[Stage, ...] = ("training", "quantization", "validation", "cost")


class Artifacts(Record):
    """Files of a trial, relative to its folder.

    Attributes:
        onnx: The int8 model.
        report: What `simulate` answers for it, as JSON.
        firmware: Folder with the generated C and the ELF.
    """

    onnx: str = "candidate.onnx"
    report: str = "report.json"
    firmware: str = "firmware"


class CrossCheck(Record):
    """What onnxruntime says on the validation images, beside the integer reference whose error the objective is.

    Attributes:
        images: Number of validation images.
        differing: How many of them onnxruntime puts into another class.
        onnxruntime_error: Its share of wrong classes.
    """

    images: Annotated[int, Field(ge=1)]
    differing: Annotated[int, Field(ge=0)]
    onnxruntime_error: Annotated[float, Field(ge=0, le=1)]


class Success(Record):
    """A candidate with its objectives; one that does not fit its board is a result too.

    Attributes:
        objectives: What it costs.
        fits: Whether the board's memories hold it.
        float_error: Validation error before quantisation.
        check: The validation error measured in another way.
        model: Name and hash of the ONNX file.
        toolchain: Compiler of the firmware.
        engine: What ran it.
        artifacts: Its files.
        seconds: Wall time by stage.
    """

    kind: Literal["success"] = "success"
    objectives: Objectives
    fits: bool
    float_error: float
    check: CrossCheck
    model: ModelInfo
    toolchain: ToolInfo
    engine: ToolInfo
    artifacts: Artifacts
    seconds: dict[Stage, float]


class Failure(Record):
    """A candidate that could not be evaluated.

    Attributes:
        stage: Where it failed.
        error: Type of the error.
        reason: Its message.
        seconds: Wall time by stage.
    """

    kind: Literal["failure"] = "failure"
    stage: Stage
    error: str
    reason: str
    seconds: dict[Stage, float]


Result = Annotated[Success | Failure, Field(discriminator="kind")]
