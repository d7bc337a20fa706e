"""Records what a method reached, and what it would take on a board. Every number says how it came about."""

from typing import Annotated, Literal

from pydantic import Field

from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import SCHEMA_VERSION, Fidelity, ToolInfo

Count = Annotated[int, Field(ge=0)]


class Accuracy(Record):
    """A share of right answers.

    Attributes:
        value: The share, 0 to 1.
        images: The number of images that it was measured on.
        fidelity: "analysed" if the integer reference answered as the firmware does; "estimated" if a program on the
            host answered with floating-point sums, from the numbers as they are stored.
    """

    value: Annotated[float, Field(ge=0, le=1)]
    images: Annotated[int, Field(ge=1)]
    fidelity: Fidelity


class Size(Record):
    """A number of bytes. It is "analysed" if it is that of a firmware, and "estimated" if it is that of a formula."""

    bytes: Count
    fidelity: Fidelity


class OnBoard(Record):
    """What only a network has, because firmware is made of it.

    Attributes:
        flash_bytes: All bytes of flash, with the code.
        arena_bytes: The part of RAM that holds the tensors.
        latency_ms: The time of one inference.
        latency_fidelity: How that time was found.
        fits: Whether the board's memories hold it.
        network: The network in its text form.
        plain_weights_bytes: Its weights at a byte each, without biases: SpArSe's ModelSize of a network of 8 bits.
        plain_weights_in_ram_bytes: SpArSe's first working memory: the largest sum of a layer's input and weights.
        plain_weights_in_flash_bytes: SpArSe's second: the largest sum of a layer's input and output.
    """

    flash_bytes: Count
    arena_bytes: Count
    latency_ms: float
    latency_fidelity: Fidelity
    fits: bool
    network: str
    plain_weights_bytes: Count
    plain_weights_in_ram_bytes: Count
    plain_weights_in_flash_bytes: Count


class Outcome(Record):
    """What a method reached.

    Attributes:
        validation: The accuracy on the validation images, which also chose the hyperparameters.
        test: The accuracy on the test images; None where there are none.
        size: What the model takes in flash, without code.
        ram: What one inference takes in RAM: for a network the total, stack included; for the others a formula.
        numbers: How many numbers are stored; of sparse matrices, those that are not zero.
        counted: How the bytes were counted.
        setting: The hyperparameters that the validation images chose.
        trained_on: The number of training images used.
        remark: What else one must know, such as that the method saw a part of the training images only.
        on_board: The exact costs of a network; None for the other methods.
    """

    validation: Accuracy
    test: Accuracy | None
    size: Size
    ram: Size
    numbers: Count
    counted: str
    setting: str
    trained_on: Count
    remark: str = ""
    on_board: OnBoard | None = None


class MethodResult(Outcome):
    """A row of the report: an outcome, the key and the name of the method, and its wall time."""

    method: str
    title: str
    seconds: float


class BaselinesReport(Record):
    """The report of `baselines`: the methods from the smallest to the largest.

    Attributes:
        dataset: The name of the dataset.
        dataset_fingerprint: That of its training and validation images.
        test_fingerprint: That of its test images; None where there are none.
        test_missing: Why there are no test images; "" if there are.
        board: The board that networks were simulated on.
        toolchain: The compiler of their firmware.
        engine: The emulator that ran it.
        seed: The seed of all random choices.
        project_version: The version of sparse-mcu.
        rows: The results by size.
    """

    schema_version: int = SCHEMA_VERSION
    kind: Literal["baselines"] = "baselines"
    dataset: str
    dataset_fingerprint: str
    test_fingerprint: str | None
    test_missing: str
    board: str
    toolchain: ToolInfo
    engine: ToolInfo
    seed: int
    project_version: str
    rows: list[MethodResult]
