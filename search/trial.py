"""A trial: a configuration and what became of it. These records are what a study stores as JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sparse_mcu.costmodel.report import ModelInfo, ToolInfo
from sparse_mcu.search.objectives import Objectives
from sparse_mcu.search.space import Configuration

Stage = Literal["training", "quantization", "validation", "cost"]
STAGES: tuple[Stage, ...] = ("training", "quantization", "validation", "cost")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Artifacts(_Record):
    """Files of a trial, relative to its folder.

    Attributes:
        onnx: The int8 model.
        report: What `simulate` answers for it, as JSON.
        firmware: Folder with the generated C and the ELF.
    """

    onnx: str = "candidate.onnx"
    report: str = "report.json"
    firmware: str = "firmware"


class Success(_Record):
    """A candidate with its objectives; one that does not fit its board is a result too.

    Attributes:
        objectives: What it costs.
        fits: Whether the board's memories hold it.
        float_error: Validation error before quantisation.
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
    model: ModelInfo
    toolchain: ToolInfo
    engine: ToolInfo
    artifacts: Artifacts
    seconds: dict[Stage, float]


class Failure(_Record):
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


class Trial(_Record):
    """A row of a study.

    Attributes:
        number: From 0, in the order of proposal.
        configuration: What was proposed.
        result: None while it runs, or if the process died in it.
    """

    number: Annotated[int, Field(ge=0)]
    configuration: Configuration
    result: Result | None = None

    @property
    def state(self) -> Literal["running", "complete", "failed"]:
        """Which of the three states it is in."""
        if self.result is None:
            return "running"
        return "complete" if isinstance(self.result, Success) else "failed"
