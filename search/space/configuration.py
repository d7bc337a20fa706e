"""A point of the search space, as records that are stored and compared.

The records hold whatever has a meaning. Which of it is searched is said by `sparse_mcu.search.space.limits.Limits`.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sparse_mcu.costmodel.records import Record

BlockOperator = Literal["conv", "separable", "downsampled"]
Reduction = Literal["none", "max", "stride"]
Head = Literal["flatten", "average"]
Squeeze = Literal[2, 4]

OPERATORS: tuple[BlockOperator, ...] = ("conv", "separable", "downsampled")
REDUCTIONS: tuple[Reduction, ...] = ("none", "max", "stride")
HEADS: tuple[Head, ...] = ("flatten", "average")
SQUEEZES: tuple[Squeeze, ...] = (2, 4)

_Positive = Annotated[int, Field(ge=1)]


class Block(Record):
    """A convolutional block; every convolution is followed by batch normalisation and ReLU.

    Attributes:
        operator: "conv"; "separable": depthwise, then 1x1; "downsampled": 1x1 that cuts the
            channels, then the convolution.
        kernel: Height and width of the (depthwise) convolution.
        channels: Output channels.
        padded: Whether a border of zeros keeps height and width.
        reduction: How height and width are halved: not, by max pooling, or by a stride of 2.
        squeeze: By how much "downsampled" cuts its input's channels; None for the others.
    """

    operator: BlockOperator
    kernel: _Positive
    channels: _Positive
    padded: bool
    reduction: Reduction
    squeeze: Squeeze | None = None

    @model_validator(mode="after")
    def _squeeze_belongs_to_downsampled(self) -> Self:
        if (self.squeeze is not None) != (self.operator == "downsampled"):
            raise ValueError(f"squeeze={self.squeeze} with operator={self.operator}")
        return self


class Configuration(Record):
    """A point of the search space.

    Attributes:
        input_pooling: Side of the squares over which the image is averaged first; 1: not at all.
        blocks: Convolutional blocks, in order; none makes a dense network.
        head: How the last feature map becomes a vector: all of it, or the mean of each channel.
        hidden: Units of the dense layers before the last.
    """

    input_pooling: _Positive
    blocks: tuple[Block, ...]
    head: Head
    hidden: tuple[_Positive, ...]

    @model_validator(mode="after")
    def _average_needs_blocks(self) -> Self:
        if self.head == "average" and not self.blocks:
            raise ValueError("head='average' without blocks")
        return self
