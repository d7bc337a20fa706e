"""The operators of a lowered network. They read and write int8 tensors; everything else in them is constant.

Each operator names its input tensors and its one output tensor. The formula in its docstring defines its arithmetic;
`sparse_mcu.simulation.reference` executes the same formula, bit for bit.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.graph.requantization import Rescale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operator:
    """What all operators have.

    Attributes:
        name: Its name, unique in its graph. C identifiers derive from it.
        inputs: The names of the input tensors.
        output: The name of the output tensor.
    """

    name: str
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clamp:
    """The range that an output saturates to, in codes: that of int8, or a narrower one from a fused activation."""

    low: int = -128
    high: int = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A sliding window over height and width.

    Attributes:
        kernel: (height, width).
        strides: (vertical, horizontal).
        padding: (top, left, bottom, right). The border holds the input's zero point, or -128 for a maximum.
        dilations: (vertical, horizontal).
    """

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conv2d(Operator):
    """out = clamp(zero_out + rescale(bias + sum((x - zero_in) * weights))), grouped.

    Attributes:
        weights: int8 [out_channels, kernel_h, kernel_w, in_channels / groups].
        bias: int32 [out_channels], in units of scale_in * scale_w[channel].
        window: Kernel, strides, padding and dilations.
        groups: 1 for a plain convolution, in_channels for a depthwise one.
        rescale: From accumulators to units of the output.
        clamp: The range of the output.
    """

    weights: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    window: Window
    groups: int
    rescale: Rescale
    clamp: Clamp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dense(Operator):
    """out = clamp(zero_out + rescale(bias + sum((x - zero_in) * weights))).

    Attributes:
        weights: int8 [out_features, in_features].
        bias: int32 [out_features].
    """

    weights: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    rescale: Rescale
    clamp: Clamp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Add(Operator):
    """out = clamp(zero_out + ((a - zero_a) * multipliers[0] + (b - zero_b) * multipliers[1] + 2**(shift-1) >> shift)).

    The multipliers are non-negative and below 2**22, so the sum fits into 32 bits. Both inputs have the shape of the
    output.
    """

    multipliers: tuple[int, int]
    shift: int
    clamp: Clamp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaxPool2d(Operator):
    """out = clamp(max over the window). Input and output have the same scale and zero point."""

    window: Window
    clamp: Clamp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AveragePool2d(Operator):
    """out = clamp(zero_out + rescale(sum over the window of (x - zero_in))). Padding counts as zeros."""

    window: Window
    rescale: Rescale
    clamp: Clamp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Softmax(Operator):
    """Softmax over the last axis, computed with a table and 32-bit integers.

    With d = max(x) - x, e = exp_table[d] (0 past its end) and s = sum(e) along the axis:
    out = clamp(zero_out + floor((e * numerator + (s * denominator >> 1)) / (s * denominator))).
    No intermediate exceeds 32 bits, unsigned.

    Attributes:
        exp_table: uint32 [at most 256], round(exp(-scale_in * d) * 2**bits); zeros at its end are left out.
        numerator: numerator / denominator is 1 / scale_out; 256 / 1 for a scale of 1/256.
        denominator: A power of two.
    """

    exp_table: npt.NDArray[np.uint32]
    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requantize(Operator):
    """out = clamp(zero_out + rescale(x - zero_in)). A Relu or Clip that could not be joined becomes one, too."""

    rescale: Rescale
    clamp: Clamp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pad2d(Operator):
    """Adds a border to a feature map: padding = (top, left, bottom, right), each element the code `value`."""

    padding: tuple[int, int, int, int]
    value: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Concat(Operator):
    """Joins tensors along `axis` of the stored (NHWC) shape. All have the same scale and zero point."""

    axis: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transpose(Operator):
    """A permutation of axes that moves bytes. One that moves none becomes a Reshape."""

    permutation: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gather(Operator):
    """out[.., i, ..] = in[.., indices[i], ..] along `axis` of the stored shape. Structured pruning needs it.

    Attributes:
        indices: int64 [extent of the output along `axis`], in any order, each inside the input.
    """

    axis: int
    indices: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slice(Operator):
    """out[i, j, ..] = in[starts[0] + i * steps[0], starts[1] + j * steps[1], ..]: a crop, or nearest down-sampling.

    Attributes:
        starts: The first element along each stored axis.
        steps: The distance between elements along each stored axis, at least 1.
    """

    starts: tuple[int, ...]
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reshape(Operator):
    """A view: the output is the bytes of the input with another shape. It costs nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AverageRows(Operator):
    """A share of an average over a whole feature map: adds some rows to 32-bit sums. The last share gives the output.

    Only streaming makes it, from an `AveragePool2d` whose window covers its input. `positions` is the number of pixels
    of the whole map.
    """

    positions: int
    rescale: Rescale
    clamp: Clamp
