"""Defines the records that describe a point of the search space. A study stores and compares them.

The records accept every value that has a meaning. `sparse_mcu.search.space.limits.Limits` says which of them a search
tries.
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
    """A convolutional block. Batch normalisation and ReLU follow each of its convolutions.

    Attributes:
        operator: "conv" is a convolution. "separable" is a depthwise convolution and a 1x1 convolution. "downsampled"
            is a 1x1 convolution to fewer channels and then a convolution.
        kernel: The height and the width of the convolution (of "separable": of the depthwise one).
        channels: The number of output channels.
        padded: Whether a border of zeros keeps height and width.
        reduction: What halves height and width: nothing, max pooling, or a stride of 2.
        squeeze: The divisor of the input's channels in "downsampled"; None for the other operators.
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
        input_pooling: The side of the squares of pixels that are averaged first; 1 leaves the image as it is.
        blocks: The convolutional blocks in order. A dense network has none.
        head: What becomes the vector of features: the whole last feature map, or the mean of each channel.
        hidden: The units of the dense layers before the last one.
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
