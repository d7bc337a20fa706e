"""Draws single layers of every operator, with odd shapes and extreme zero points among them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import (
    Add,
    AveragePool2d,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    Gather,
    MaxPool2d,
    Operator,
    Pad2d,
    Requantize,
    Reshape,
    Slice,
    Softmax,
    Transpose,
    Window,
)
from sparse_mcu.costmodel.graph.requantization import Rescale, rescale_for
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor

Shape = tuple[int, ...]
Draw = Callable[[st.SearchStrategy[Any]], Any]
LANES = st.sampled_from([4, 8, 12]) | st.sampled_from([4, 8, 12]) | st.integers(5, 11)
SIDES = st.integers(1, 5)
LARGER_SIDES = st.sampled_from([3, 4, 5, 3, 4, 5, 1, 2])
INT8 = st.integers(-128, 127) | st.sampled_from([-128, 0, 127])


@dataclass(frozen=True)
class LayerCase:
    """An operator with its tensors, before it has names in a graph."""

    operator: Operator
    inputs: tuple[Tensor, ...]
    output: Tensor


def graph_of(cases: Sequence[LayerCase], name: str = "cases") -> Graph:
    """Returns a graph of independent layers. Each layer has inputs and an output of its own."""
    tensors: dict[str, Tensor] = {}
    operators: list[Operator] = []
    for number, case in enumerate(cases):
        inputs = tuple(replace(tensor, name=f"in{number}_{i}") for i, tensor in enumerate(case.inputs))
        output = replace(case.output, name=f"out{number}")
        tensors.update({tensor.name: tensor for tensor in (*inputs, output)})
        names = tuple(tensor.name for tensor in inputs)
        operators.append(replace(case.operator, name=f"node/{number}", inputs=names, output=output.name))
    return Graph(
        name=name,
        sha256="0" * 64,
        tensors=tensors,
        operators=tuple(operators),
        inputs=tuple(name for operator in operators for name in operator.inputs),
        outputs=tuple(operator.output for operator in operators),
    )


def chain_of(source: Tensor, layers: Sequence[tuple[Operator, Tensor]], name: str = "chain") -> Graph:
    """Returns a graph in which each operator reads the output of the one before."""
    tensors, operators = [source], []
    for number, (operator, output) in enumerate(layers):
        operators.append(
            replace(operator, name=f"node/{number}", inputs=(tensors[-1].name,), output=f"t{number}"),
        )
        tensors.append(replace(output, name=f"t{number}"))
    return Graph(
        name=name,
        sha256="0" * 64,
        tensors={tensor.name: tensor for tensor in tensors},
        operators=tuple(operators),
        inputs=(source.name,),
        outputs=(tensors[-1].name,),
    )


def random_inputs(graph: Graph, seed: int) -> dict[str, npt.NDArray[np.int8]]:
    """Draws values for every graph input. Three in ten seeds draw from a narrow range, mostly at a limit of int8."""
    rng = np.random.default_rng(seed)
    low, high = [(-128, 127), (-128, -127), (126, 127), (-3, 3)][rng.choice(4, p=[0.7, 0.1, 0.1, 0.1])]
    shapes = {name: graph.tensor(name).shape for name in graph.inputs}
    return {name: rng.integers(low, high + 1, shape).astype(np.int8) for name, shape in shapes.items()}


def tensor(shape: Shape, zero_point: int, scale: float = 0.05) -> Tensor:
    """Returns a tensor that gets its name later."""
    return Tensor("", shape, Quantization(scale, zero_point))


@st.composite
def clamps(draw: Draw) -> Clamp:
    """Draws the full range mostly, else any two limits."""
    low, high = sorted((draw(INT8), draw(INT8)))
    return draw(st.sampled_from([Clamp(), Clamp(), Clamp(low=low, high=high)]))


@st.composite
def windows(draw: Draw, *, dilated: bool = True, fewest_rows: int = 1, sides: st.SearchStrategy[int] = SIDES) -> Window:
    """Draws windows with strides, one-sided padding and dilation; `sides` draws their height and width."""
    small = st.integers(1, 3)
    dilation = small if dilated else st.just(1)
    padded = draw(st.booleans())
    padding = st.integers(0, 3) if padded else st.just(0)
    return Window(
        kernel=(draw(sides.map(lambda side: max(side, fewest_rows))), draw(sides)),
        strides=(draw(small), draw(small)),
        padding=(draw(padding), draw(padding), draw(padding), draw(padding)),
        dilations=(draw(dilation), draw(dilation)),
    )


def _spans(window: Window) -> tuple[int, int]:
    height, width = ((size - 1) * gap + 1 for size, gap in zip(window.kernel, window.dilations, strict=True))
    return height, width


@st.composite
def windowed_shapes(
    draw: Draw, window: Window, channels: int, out_channels: int, most_extra: tuple[int, int] = (6, 6)
) -> tuple[Shape, Shape]:
    """Draws the shape of an input on which a window fits at least once, and the shape of the output."""
    spans = _spans(window)
    pads = (window.padding[0] + window.padding[2], window.padding[1] + window.padding[3])
    sizes = [
        max(1, span - pad) + draw(st.integers(0, most)) for span, pad, most in zip(spans, pads, most_extra, strict=True)
    ]
    outs = [
        (size + pad - span) // stride + 1
        for size, pad, span, stride in zip(sizes, pads, spans, window.strides, strict=True)
    ]
    return (1, sizes[0], sizes[1], channels), (1, outs[0], outs[1], out_channels)


@st.composite
def _weights(draw: Draw, shape: Shape) -> npt.NDArray[np.int8]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    extreme = draw(st.sampled_from([None, None, None, -128, 127]))
    return rng.integers(-128, 128, shape).astype(np.int8) if extreme is None else np.full(shape, extreme, np.int8)


@st.composite
def _bias(draw: Draw, channels: int) -> npt.NDArray[np.int32]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    reach = draw(st.sampled_from([0, 100, 10_000, 2**24]))
    return rng.integers(-reach, reach + 1, channels).astype(np.int32)


@st.composite
def rescales(draw: Draw, bound: int, channels: int) -> Rescale:
    """Draws factors that spread accumulators up to `bound` over more than int8, per channel or one for all."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    reach = draw(st.sampled_from([50.0, 500.0, 5000.0])) / max(bound, 1)
    return rescale_for(reach * rng.uniform(0.02, 1.0, draw(st.sampled_from([1, channels]))), bound, where="case")


@st.composite
def convolutions(draw: Draw, *, kind: str = "any", fewest_in: int = 1) -> LayerCase:
    """Draws convolutions.

    The kind is "any", "pointwise", "depthwise", "shallow", "undilated" or "planes". "shallow" has one group of few
    input channels, a window of several rows, and at least three outputs. The last two are for the fast kernels, so no
    weight is below -127: "undilated" has one group and at least four outputs, and "planes" is depthwise with one output
    each. A group has `fewest_in` input channels or more.
    """
    shallow = kind == "shallow"
    fast, by_channel = kind in {"undilated", "planes"}, kind in {"depthwise", "planes"}
    window = Window(kernel=(1, 1)) if kind == "pointwise" else draw(windows(dilated=not fast, fewest_rows=1 + shallow))
    groups = draw(st.integers(2, 9)) if by_channel else draw(st.sampled_from([1, 1, 1, 2, 3]))
    groups = 1 if kind in {"pointwise", "shallow", "undilated"} else groups
    group_in = draw(st.integers(fewest_in, 1 if by_channel else 3 if shallow else 13))
    group_out = (
        draw(st.sampled_from([1, 1, 2, 3])) if by_channel else draw(st.integers(4 if fast else 3 if shallow else 1, 11))
    )
    group_out = 1 if kind == "planes" else group_out
    weights = draw(_weights((groups * group_out, *window.kernel, group_in)))
    weights = np.maximum(weights, -127) if fast else weights
    bias = draw(_bias(groups * group_out))
    shapes = draw(windowed_shapes(window, groups * group_in, groups * group_out))
    return _convolution(draw, weights, bias, window, groups, shapes)


@st.composite
def tall_images(draw: Draw) -> LayerCase:
    """Draws convolutions of the kind "planes", on images so tall that strips of them need little memory beside."""
    channels, width = draw(st.integers(8, 10)), draw(st.integers(6, 9))
    height = 5000 // (channels * width)
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    top, left = (draw(st.integers(0, taps - 1)) for taps in kernel)
    bottom, right = draw(st.integers(0, kernel[0] - 1 - top)), draw(st.integers(0, kernel[1] - 1 - left))
    strides = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    window = Window(kernel=kernel, strides=strides, padding=(top, left, bottom, right))
    out_height = (height + top + bottom - kernel[0]) // strides[0] + 1
    out_width = (width + left + right - kernel[1]) // strides[1] + 1
    weights, bias = np.maximum(draw(_weights((channels, *kernel, 1))), -127), draw(_bias(channels))
    shapes = (1, height, width, channels), (1, out_height, out_width, channels)
    return _convolution(draw, weights, bias, window, channels, shapes)


@st.composite
def odd_pixels(draw: Draw) -> LayerCase:
    """Draws 1x1 convolutions of an odd number of pixels of whole words. No weight is below -127."""
    inputs, outputs, sides = 4 * draw(st.integers(1, 9)), draw(st.integers(4, 11)), st.sampled_from([1, 1, 3, 5])
    weights, bias = np.maximum(draw(_weights((outputs, 1, 1, inputs))), -127), draw(_bias(outputs))
    pixels = draw(sides), draw(sides)
    shapes = (1, *pixels, inputs), (1, *pixels, outputs)
    return _convolution(draw, weights, bias, Window(kernel=(1, 1)), 1, shapes)


@st.composite
def single_rows(draw: Draw) -> LayerCase:
    """Draws depthwise convolutions with few taps and an output row or two, padded at its ends. No weight is -128."""
    kernel, channels = (draw(st.integers(1, 4)), draw(st.integers(1, 3))), draw(st.integers(2, 9))
    padding = (0, draw(st.integers(0, 4)), 0, draw(st.integers(0, 4)))
    window = Window(kernel=kernel, strides=(draw(st.integers(1, 3)), draw(st.integers(1, 3))), padding=padding)
    shapes = draw(windowed_shapes(window, channels, channels, most_extra=(3, 24)))
    weights, bias = np.maximum(draw(_weights((channels, *kernel, 1))), -127), draw(_bias(channels))
    return _convolution(draw, weights, bias, window, channels, shapes)


def _convolution(
    draw: Draw,
    weights: npt.NDArray[np.int8],
    bias: npt.NDArray[np.int32],
    window: Window,
    groups: int,
    shapes: tuple[Shape, Shape],
) -> LayerCase:
    operator = Conv2d(
        name="",
        inputs=(),
        output="",
        weights=weights,
        bias=bias,
        window=window,
        groups=groups,
        rescale=draw(rescales(_accumulator_bound(weights, bias), bias.size)),
        clamp=draw(clamps()),
    )
    return LayerCase(operator, (tensor(shapes[0], draw(INT8)),), tensor(shapes[1], draw(INT8)))


@st.composite
def dense_layers(
    draw: Draw, *, fewest_features: int = 1, most_features: int = 70, fast: bool = False, lowest: int = -128
) -> LayerCase:
    """Draws fully connected layers with no weight below `lowest`.

    If `fast`, they have at least four features, and several rows of inputs, which mostly are whole words.
    """
    features, outputs = draw(st.integers(4 if fast else fewest_features, most_features)), draw(st.integers(1, 14))
    rows: Shape = ()
    if fast:
        outputs, rows = draw(st.integers(4, 14) | st.sampled_from([2, 4, 5, 6])), (draw(st.sampled_from([1, 1, 2, 3])),)
        features = features // 4 * 4 if draw(st.booleans()) else features
    weights, bias = np.maximum(draw(_weights((outputs, features))), lowest), draw(_bias(outputs))
    rescale = draw(rescales(_accumulator_bound(weights, bias), outputs))
    operator = Dense(name="", inputs=(), output="", weights=weights, bias=bias, rescale=rescale, clamp=draw(clamps()))
    source, result = (1, *rows, features), (1, *rows, outputs)
    return LayerCase(operator, (tensor(source, draw(INT8)),), tensor(result, draw(INT8)))


def _accumulator_bound(weights: npt.NDArray[np.int8], bias: npt.NDArray[np.int32]) -> int:
    flat = np.abs(weights.astype(np.int64)).reshape(weights.shape[0], -1)
    return int((np.abs(bias.astype(np.int64)) + 255 * flat.sum(axis=1)).max())


@st.composite
def shapes(draw: Draw) -> Shape:
    """Draws the shape of a feature map or a vector."""
    size = st.integers(1, 7)
    return draw(st.tuples(st.just(1), size, size, size) | st.tuples(st.just(1), st.integers(1, 40)))


@st.composite
def additions(draw: Draw) -> LayerCase:
    """Draws sums of two tensors with their own zero points."""
    shape = draw(shapes())
    shift = draw(st.integers(1, 24))
    factor = st.integers(0, 2**22 - 1)
    operator = Add(
        name="", inputs=(), output="", multipliers=(draw(factor), draw(factor)), shift=shift, clamp=draw(clamps())
    )
    return LayerCase(operator, (tensor(shape, draw(INT8)), tensor(shape, draw(INT8))), tensor(shape, draw(INT8)))


@st.composite
def max_pools(draw: Draw, *, lanes: bool = False) -> LayerCase:
    """Draws max pools. With `lanes`, they have mostly a multiple of four channels and more than four taps."""
    channels, zero = draw(LANES if lanes else st.integers(1, 9)), draw(INT8)
    window = draw(windows(sides=LARGER_SIDES) if lanes else windows())
    source, result = draw(windowed_shapes(window, channels, channels))
    operator = MaxPool2d(name="", inputs=(), output="", window=window, clamp=draw(clamps()))
    return LayerCase(operator, (tensor(source, zero),), tensor(result, zero))


@st.composite
def average_pools(draw: Draw, *, lanes: bool = False) -> LayerCase:
    """Draws average pools with any window, and global ones; `lanes` draws channels as for max pools."""
    channels = draw(LANES if lanes else st.integers(1, 9))
    if draw(st.booleans()):
        window = Window(kernel=(draw(st.integers(1, 8)), draw(st.integers(1, 8))))
        source, result = (1, *window.kernel, channels), (1, 1, 1, channels)
    else:
        window = draw(windows(dilated=False, sides=LARGER_SIDES) if lanes else windows())
        window = replace(window, padding=(0, 0, 0, 0)) if lanes else window
        source, result = draw(windowed_shapes(window, channels, channels))
    bound = 255 * prod(window.kernel)
    rescale = rescale_for(draw(st.floats(0.01, 3.0)) / prod(window.kernel), bound, where="case")
    operator = AveragePool2d(name="", inputs=(), output="", window=window, rescale=rescale, clamp=draw(clamps()))
    return LayerCase(operator, (tensor(source, draw(INT8)),), tensor(result, draw(INT8)))


@st.composite
def softmaxes(draw: Draw) -> LayerCase:
    """Draws softmaxes of vectors and of every pixel, with scales from flat to steep."""
    shape = draw(shapes())
    scale = draw(st.sampled_from([0.003, 0.05, 0.3, 2.0, 20.0]))
    bits = 23 - (256 * shape[-1]).bit_length()
    table = np.rint(np.exp(-scale * np.arange(256)) * 2**bits).astype(np.uint32)
    operator = Softmax(
        name="", inputs=(), output="", exp_table=table[table > 0], numerator=draw(st.integers(200, 256)), denominator=1
    )
    return LayerCase(operator, (tensor(shape, draw(INT8), scale),), tensor(shape, draw(st.sampled_from([-128, 0]))))


@st.composite
def requantizations(draw: Draw) -> LayerCase:
    """Draws changes of scale and zero point."""
    shape = draw(shapes())
    rescale = rescale_for(draw(st.floats(0.001, 50.0)), 255, where="case")
    operator = Requantize(name="", inputs=(), output="", rescale=rescale, clamp=draw(clamps()))
    return LayerCase(operator, (tensor(shape, draw(INT8)),), tensor(shape, draw(INT8)))


@st.composite
def paddings(draw: Draw) -> LayerCase:
    """Draws constant borders, also one-sided ones and none."""
    size, side = st.integers(1, 6), st.integers(0, 3)
    height, width, channels = draw(size), draw(size), draw(size)
    top, left, bottom, right = draw(st.tuples(side, side, side, side))
    result = (1, height + top + bottom, width + left + right, channels)
    operator = Pad2d(name="", inputs=(), output="", padding=(top, left, bottom, right), value=draw(INT8))
    zero = draw(INT8)
    return LayerCase(operator, (tensor((1, height, width, channels), zero),), tensor(result, zero))


@st.composite
def concatenations(draw: Draw) -> LayerCase:
    """Draws concatenations of two to four tensors along any axis."""
    base, zero = draw(st.lists(st.integers(1, 5), min_size=3, max_size=3)), draw(INT8)
    axis = draw(st.integers(1, 3))
    parts = draw(st.lists(st.integers(1, 6), min_size=2, max_size=4))

    def shaped(extent: int) -> Shape:
        sizes = [1, *base]
        sizes[axis] = extent
        return tuple(sizes)

    operator = Concat(name="", inputs=(), output="", axis=axis)
    return LayerCase(operator, tuple(tensor(shaped(part), zero) for part in parts), tensor(shaped(sum(parts)), zero))


@st.composite
def transpositions(draw: Draw) -> LayerCase:
    """Draws any permutation of two to four axes."""
    source = tuple(draw(st.lists(st.integers(1, 5), min_size=2, max_size=4)))
    permutation = tuple(draw(st.permutations(range(len(source)))))
    zero = draw(INT8)
    operator = Transpose(name="", inputs=(), output="", permutation=permutation)
    return LayerCase(operator, (tensor(source, zero),), tensor(tuple(source[axis] for axis in permutation), zero))


@st.composite
def gathers(draw: Draw, *, most: int = 12) -> LayerCase:
    """Draws gathers along any axis, even a long one, with any indices or ascending ones."""
    source = list(draw(st.lists(st.integers(1, 5), min_size=2, max_size=4)))
    axis = draw(st.integers(1, len(source) - 1))
    source[axis] = draw(st.sampled_from([source[axis], 9, 700]))
    indices = draw(st.lists(st.integers(0, source[axis] - 1), min_size=1, max_size=most))
    indices = sorted(indices) if draw(st.booleans()) else indices
    operator = Gather(name="", inputs=(), output="", axis=axis, indices=np.array(indices, np.int64))
    zero = draw(INT8)
    result = (*source[:axis], len(indices), *source[axis + 1 :])
    return LayerCase(operator, (tensor(tuple(source), zero),), tensor(result, zero))


@st.composite
def slices(draw: Draw) -> LayerCase:
    """Draws crops and strides along every axis."""
    axes = [draw(st.tuples(*[st.integers(0, 2)] * 2, *[st.integers(1, 4)] * 2)) for _ in range(draw(st.integers(1, 4)))]
    source = tuple(start + (count - 1) * step + 1 + rest for start, rest, count, step in axes)
    zero = draw(INT8)
    operator = Slice(
        name="",
        inputs=(),
        output="",
        starts=tuple(start for start, _, _, _ in axes),
        steps=tuple(step for _, _, _, step in axes),
    )
    return LayerCase(operator, (tensor(source, zero),), tensor(tuple(count for _, _, count, _ in axes), zero))


@st.composite
def pruned(draw: Draw, layers: st.SearchStrategy[LayerCase], *, some: bool = False) -> LayerCase:
    """Draws a layer with few weights that are not zero; `some` makes at least one of them so."""
    case = draw(layers)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0.01, 0.05, 0.2]))
    assert isinstance(case.operator, Conv2d | Dense)
    weights = np.where(rng.random(case.operator.weights.shape) < density, case.operator.weights, 0).astype(np.int8)
    if some and not weights.any():
        weights.ravel()[rng.integers(weights.size)] = 1
    rescale = draw(rescales(_accumulator_bound(weights, case.operator.bias), len(weights)))
    return replace(case, operator=replace(case.operator, weights=weights, rescale=rescale))


@st.composite
def reshapes(draw: Draw) -> LayerCase:
    """Draws reshapes to vectors."""
    shape, zero = draw(shapes()), draw(INT8)
    return LayerCase(Reshape(name="", inputs=(), output=""), (tensor(shape, zero),), tensor((1, prod(shape)), zero))


def any_layer() -> st.SearchStrategy[LayerCase]:
    """Returns a strategy for a layer of any operator."""
    return st.one_of(
        convolutions(),
        convolutions(kind="pointwise"),
        convolutions(kind="depthwise"),
        convolutions(kind="shallow"),
        dense_layers(),
        pruned(convolutions()),
        pruned(dense_layers(most_features=900)),
        additions(),
        max_pools(),
        average_pools(),
        softmaxes(),
        requantizations(),
        paddings(),
        concatenations(),
        transpositions(),
        gathers(),
        slices(),
        reshapes(),
    )
