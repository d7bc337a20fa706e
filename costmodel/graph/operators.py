"""The operators of a lowered network: int8 in, int8 out, everything else a constant.

Every operator names its input tensors and its one output tensor. Arithmetic is defined here in a
sentence each; `sparse_mcu.simulation.reference` is its executable form, bit for bit.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.graph.requantization import Rescale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operator:
    """What all operators share.

    Attributes:
        name: Unique in its graph; a valid C identifier is derived from it.
        inputs: Names of the input tensors.
        output: Name of the output tensor.
    """

    name: str
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clamp:
    """Saturation of the output in quantised units: int8 limits, narrowed by a fused activation."""

    low: int = -128
    high: int = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A sliding window over height and width.

    Attributes:
        kernel: (height, width).
        strides: (vertical, horizontal).
        padding: (top, left, bottom, right), filled with the input's zero point (-128 for max pooling).
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
        groups: 1 for a plain convolution, in_channels for a depthwise one.
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

    The multipliers are non-negative and below 2**22, so the sum fits 32 bits.
    Both inputs have the output's shape.
    """

    multipliers: tuple[int, int]
    shift: int
    clamp: Clamp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaxPool2d(Operator):
    """out = clamp(max over the window); input and output share scale and zero point."""

    window: Window
    clamp: Clamp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AveragePool2d(Operator):
    """out = clamp(zero_out + rescale(sum over the window of (x - zero_in))); padding counts as zeros."""

    window: Window
    rescale: Rescale
    clamp: Clamp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Softmax(Operator):
    """Softmax over the last axis, by table, in 32-bit integers.

    With d = max(x) - x, e = exp_table[d] (0 past its end) and s = sum(e) along the axis:
    out = clamp(zero_out + floor((e * numerator + (s * denominator >> 1)) / (s * denominator))).
    No intermediate exceeds 32 bits, unsigned.

    Attributes:
        exp_table: uint32 [<= 256], round(exp(-scale_in * d) * 2**bits), cut where it reaches 0.
        numerator: With `denominator`, 1 / scale_out as a ratio of integers (256 / 1 for scale 1/256).
        denominator: A power of two.
    """

    exp_table: npt.NDArray[np.uint32]
    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requantize(Operator):
    """out = clamp(zero_out + rescale(x - zero_in)); also a Relu or Clip that nothing could fuse."""

    rescale: Rescale
    clamp: Clamp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pad2d(Operator):
    """Constant border of quantised `value`; padding = (top, left, bottom, right)."""

    padding: tuple[int, int, int, int]
    value: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Concat(Operator):
    """Concatenation along `axis` (of the stored, NHWC shape); all tensors share scale and zero point."""

    axis: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transpose(Operator):
    """A permutation that moves bytes; layout changes that do not never reach the graph."""

    permutation: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gather(Operator):
    """out[.., i, ..] = in[.., indices[i], ..] along `axis` of the stored shape: what structured pruning kept.

    Attributes:
        indices: int64 [extent of the output along `axis`], each inside the input; in any order.
    """

    axis: int
    indices: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slice(Operator):
    """out[i, j, ..] = in[starts[0] + i * steps[0], starts[1] + j * steps[1], ..]: crops, and nearest down-sampling.

    Attributes:
        starts: Per stored axis.
        steps: Per stored axis, at least 1.
    """

    starts: tuple[int, ...]
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reshape(Operator):
    """A view: the output is the input's bytes with another shape; costs nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AverageRows(Operator):
    """A share of an average over the whole map: some rows of it, added to 32-bit sums; the last share gives the output.

    Only streaming makes it, of an `AveragePool2d` whose window is its input. `positions` pixels are averaged in all.
    """

    positions: int
    rescale: Rescale
    clamp: Clamp
