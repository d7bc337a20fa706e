"""Defines the records that describe a point of the search space. A study stores and compares them.

The records accept every value that has a meaning. `sparse_mcu.search.space.limits.Limits` says which of them a search
tries.
"""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from sparse_mcu.costmodel.records import Record

BlockOperator = Literal["conv", "separable", "downsampled"]
Reduction = Literal["none", "max", "stride"]
Head = Literal["flatten", "average"]
Squeeze = Literal[2, 4]
Skip = Literal["none", "add", "concat"]
PruningKind = Literal["magnitude", "variational", "bayesian"]

OPERATORS: tuple[BlockOperator, ...] = get_args(BlockOperator)
REDUCTIONS: tuple[Reduction, ...] = get_args(Reduction)
HEADS: tuple[Head, ...] = get_args(Head)
SQUEEZES: tuple[Squeeze, ...] = get_args(Squeeze)
SKIPS: tuple[Skip, ...] = get_args(Skip)
PRUNING_KINDS: tuple[PruningKind, ...] = get_args(PruningKind)

_Positive = Annotated[int, Field(ge=1)]


class Convolution(Record):
    """The choices that a block and its branch both have.

    Attributes:
        operator: "conv" is a convolution. "separable" is a depthwise convolution and a 1x1 convolution. "downsampled"
            is a 1x1 convolution to fewer channels and then a convolution.
        kernel: The height and the width of the convolution (of "separable": of the depthwise one).
        channels: The number of output channels.
        squeeze: The divisor of the input's channels in "downsampled"; None for the other operators.
    """

    operator: BlockOperator
    kernel: _Positive
    channels: _Positive
    squeeze: Squeeze | None = None

    @model_validator(mode="after")
    def _squeeze_belongs_to_downsampled(self) -> Self:
        if (self.squeeze is not None) != (self.operator == "downsampled"):
            raise ValueError(f"squeeze={self.squeeze} with operator={self.operator}")
        return self


class Branch(Convolution):
    """A second convolution beside the one of a block. Both read the block's input, and their outputs are joined.

    The border and the stride are those of the block.
    """


class Block(Convolution):
    """A convolutional block. Batch normalisation and ReLU follow each of its convolutions.

    Attributes:
        padded: Whether a border of zeros keeps height and width.
        reduction: What halves height and width: nothing, max pooling, or a stride of 2.
        branch: A second convolution; the channels of both are concatenated. None if there is only one.
        skip: What happens to the block's input besides: nothing, it is added to the output of the convolutions before
            their last ReLU (ResNet: y = relu(bn(conv(x)) + x)), or its channels are concatenated with the output. A
            pooling comes after that. Height and width must agree, and for "add" the channels too.
    """

    padded: bool
    reduction: Reduction
    branch: Branch | None = None
    skip: Skip = "none"


class Pruning(Record):
    """The pruning of a trained network.

    Attributes:
        kind: "magnitude" removes the smallest weights. "variational" is Sparse Variational Dropout (Molchanov, Ashukha
            and Vetrov, ICML 2017), which removes single weights. "bayesian" is Bayesian Compression (Louizos, Ullrich
            and Welling, NeurIPS 2017), which removes channels and neurons.
        strength: For "magnitude" the share of the weights that are removed, below 1. For the others the factor of the
            divergence in the loss; 1 is that of the papers.
    """

    kind: PruningKind
    strength: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _a_share_is_below_one(self) -> Self:
        if self.kind == "magnitude" and self.strength >= 1:
            raise ValueError(f"kind=magnitude removes a share below 1 of the weights, not {self.strength:g}")
        return self


class LeverChoice(Record):
    """What the memory planner may do for a configuration, besides what it may do anyway. All of it is off by default.

    The fields are those of `sparse_mcu.costmodel.memory.model.levers.Levers` with the same names.

    Attributes:
        fused_pools: A pool takes the rows of the convolution before it as they come.
        streaming: Stretches of the network may be executed some rows at a time. This costs cycles.
        max_recompute: By what factor streaming may raise the multiplications. It needs `streaming` above 1.
    """

    fused_pools: bool = False
    streaming: bool = False
    max_recompute: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.0

    @model_validator(mode="after")
    def _recomputing_belongs_to_streaming(self) -> Self:
        if self.max_recompute > 1 and not self.streaming:
            raise ValueError(f"max_recompute={self.max_recompute:g} without streaming")
        return self


NO_LEVERS = LeverChoice()


class Configuration(Record):
    """A point of the search space.

    Attributes:
        input_pooling: The side of the squares of pixels that are averaged first; 1 leaves the image as it is.
        blocks: The convolutional blocks in order. A dense network has none.
        head: What becomes the vector of features: the whole last feature map, or the mean of each channel.
        hidden: The units of the dense layers before the last one.
        pruning: How the trained network is pruned; None if it is not.
        augmentation: The strength of the augmentation in place of that of the training recipe; None for the recipe's.
        levers: What the memory planner may do for this network.
    """

    input_pooling: _Positive
    blocks: tuple[Block, ...]
    head: Head
    hidden: tuple[_Positive, ...]
    pruning: Pruning | None = None
    augmentation: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    levers: LeverChoice = NO_LEVERS

    @model_validator(mode="after")
    def _average_needs_blocks(self) -> Self:
        if self.head == "average" and not self.blocks:
            raise ValueError("head='average' without blocks")
        return self

    @property
    def without_levers(self) -> "Configuration":
        """The same network, planned without levers. Its error is the same."""
        return self.model_copy(update={"levers": NO_LEVERS})
