"""Makes firmware that executes given streams, so that the planner does not choose them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np
from hypothesis import strategies as st
from layer_cases import Draw, Shape

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.graph.operators import (
    Add,
    AveragePool2d,
    Clamp,
    Concat,
    Conv2d,
    MaxPool2d,
    Operator,
    Requantize,
    Window,
)
from sparse_mcu.costmodel.graph.requantization import rescale_for
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor
from sparse_mcu.costmodel.memory.model.access import safe_distance_bytes
from sparse_mcu.costmodel.memory.model.levers import ALL
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan, Step
from sparse_mcu.costmodel.memory.model.stream import Stream
from sparse_mcu.costmodel.memory.planning.planner import plan_memory
from sparse_mcu.costmodel.memory.problem.problem import problem_of
from sparse_mcu.costmodel.memory.problem.values import aligned
from sparse_mcu.simulation.firmware import FirmwareSource, generate_firmware, generate_like
from sparse_mcu.simulation.firmware.choice.selection import select_kernels
from sparse_mcu.simulation.firmware.options import DEFAULT, BuildOptions, Optimise


def generate_streamed(
    graph: Graph, board: Board, streams: Sequence[Stream], *, optimise: Optimise = DEFAULT
) -> FirmwareSource:
    """Generates firmware that executes `streams`, and all other layers one by one."""
    plain = generate_firmware(graph, board, BuildOptions(optimise=optimise))
    like = replace(plain, layers=(), plan=plan_with(graph, board, streams, optimise))
    return generate_like(graph, board, like)


def plan_with(graph: Graph, board: Board, streams: Sequence[Stream], optimise: Optimise) -> MemoryPlan:
    """Plans the smallest arena with these streams. Inputs may overlap the output as far as the streams say."""
    contracts = {name: each.contract for name, each in select_kernels(graph, board.core, optimise).items()}
    problem = problem_of(graph, contracts, replace(ALL, concat_views=False))
    member_of = {name: stream for stream in streams for name in stream.operators}
    inner = {
        operator.output for operator in graph.operators if operator.name in member_of.keys() - {s.name for s in streams}
    }
    steps = []
    for step in problem.steps:
        stream = member_of.get(step.name)
        if stream is None:
            steps.append(step)
        elif stream.name == step.name:
            steps.append(_step(graph, stream, problem.buffer_of))
    gone = {problem.buffer_of[name] for name in inner}
    streamed = replace(
        problem,
        steps=tuple(steps),
        sizes_bytes={name: size for name, size in problem.sizes_bytes.items() if name not in gone},
        buffer_of={name: buffer for name, buffer in problem.buffer_of.items() if buffer not in gone},
    )
    return replace(plan_memory(streamed), streams={stream.name: stream for stream in streams})


def _step(graph: Graph, stream: Stream, buffer_of: Mapping[str, str]) -> Step:
    distances = {
        buffer_of[name]: aligned(safe_distance_bytes(access, graph.tensor(name).size_bytes))
        for name, access in zip(stream.inputs, stream.access, strict=True)
    }
    inputs = tuple(dict.fromkeys(buffer_of[name] for name in stream.inputs))
    return Step(stream.name, inputs, (buffer_of[stream.output],), aligned(stream.scratch_bytes), distances)


class Chain:
    """Builds a chain of feature maps, each with a zero point of its own.

    Args:
        prefix: The start of all names.
        shape: The shape of the input.
    """

    def __init__(self, prefix: str, shape: Shape) -> None:
        self.prefix = prefix
        self.tensors = [Tensor(f"{prefix}x", shape, Quantization(0.05, 3))]
        self.operators: list[Operator] = []

    @property
    def last(self) -> Tensor:
        """Returns the tensor that the next operator reads."""
        return self.tensors[-1]

    def append(self, operator: Operator, shape: Shape, *others: str, zero_point: int | None = None) -> None:
        """Adds an operator that reads the last tensor, and perhaps others."""
        number = len(self.operators)
        quantization = Quantization(0.05, self.last.quantization.zero_point if zero_point is None else zero_point)
        named = replace(
            operator,
            name=f"{self.prefix}op{number}",
            inputs=(self.last.name, *others),
            output=f"{self.prefix}t{number}",
        )
        self.operators.append(named)
        self.tensors.append(Tensor(named.output, shape, quantization))

    def like_last(self) -> list[str]:
        """Returns the names of earlier tensors with the shape of the last one."""
        return [each.name for each in self.tensors[:-1] if each.shape == self.last.shape]


_KINDS = ("conv", "conv", "depthwise", "pointwise", "max", "average", "requantize", "add", "add", "concat")


@st.composite
def chains(draw: Draw, prefix: str = "") -> Chain:
    """Draws two to seven operators with residuals, odd sizes, strides, dilations and one-sided paddings."""
    size = st.integers(4, 13)
    chain = Chain(prefix, (1, draw(size), draw(size), draw(st.sampled_from([1, 3, 4, 8]))))
    for _ in range(draw(st.integers(2, 6))):
        _append_any(draw, chain, draw(st.sampled_from(_KINDS)))
    _, height, width, channels = chain.last.shape
    if draw(st.booleans()) and height * width > 1:
        whole = Window(kernel=(height, width))
        chain.append(_average(whole), (1, 1, 1, channels), zero_point=draw(_ZERO))
    return chain


_ZERO = st.sampled_from([-128, -5, 0, 77])


def _append_any(draw: Draw, chain: Chain, kind: str) -> None:
    _, height, width, channels = shape = chain.last.shape
    if kind in {"add", "concat"}:
        others = chain.like_last()
        if not others:
            kind = "requantize"
        elif kind == "add":
            add = Add(name="", inputs=(), output="", multipliers=(3, 5), shift=3, clamp=Clamp(low=-100))
            return chain.append(add, shape, draw(st.sampled_from(others)), zero_point=draw(_ZERO))
        else:
            other = draw(st.sampled_from(others))
            return chain.append(Concat(name="", inputs=(), output="", axis=3), (1, height, width, 2 * channels), other)
    if kind == "requantize":
        rescale = rescale_for(0.7, 255, where="")
        requantize = Requantize(name="", inputs=(), output="", rescale=rescale, clamp=Clamp(high=90))
        return chain.append(requantize, shape, zero_point=draw(_ZERO))
    window = Window(kernel=(1, 1)) if kind == "pointwise" else draw(_windows(height, width))
    rows, columns = (
        (extent + window.padding[axis] + window.padding[axis + 2] - (kernel - 1) * dilation - 1) // stride + 1
        for axis, (extent, kernel, dilation, stride) in enumerate(
            zip((height, width), window.kernel, window.dilations, window.strides, strict=True)
        )
    )
    if kind == "max":
        return chain.append(
            MaxPool2d(name="", inputs=(), output="", window=window, clamp=Clamp()), (1, rows, columns, channels)
        )
    if kind == "average":
        return chain.append(_average(window), (1, rows, columns, channels), zero_point=draw(_ZERO))
    groups = channels if kind == "depthwise" else 1
    made = channels if kind == "depthwise" else draw(st.sampled_from([1, 3, 4, 8]))
    return chain.append(_conv(draw, window, groups, made, channels), (1, rows, columns, made), zero_point=draw(_ZERO))


@st.composite
def _windows(draw: Draw, height: int, width: int) -> Window:
    """Draws a window that fits at least once."""
    kernels, dilations, strides, paddings = [], [], [], []
    for extent in (height, width):
        kernel = draw(st.integers(1, min(3, extent)))
        dilation = draw(st.sampled_from([1, 1, 2])) if 2 * (kernel - 1) < extent else 1
        span = (kernel - 1) * dilation
        padding = draw(st.sampled_from([(0, 0), (span // 2, span // 2), (span // 2, span - span // 2), (0, span)]))
        kernels.append(kernel)
        dilations.append(dilation)
        strides.append(draw(st.sampled_from([1, 1, 2, 3])))
        paddings.append(padding)
    (top, bottom), (left, right) = paddings
    return Window(
        kernel=(kernels[0], kernels[1]),
        strides=(strides[0], strides[1]),
        padding=(top, left, bottom, right),
        dilations=(dilations[0], dilations[1]),
    )


def _average(window: Window) -> AveragePool2d:
    taps = prod(window.kernel)
    rescale = rescale_for(1.0 / taps, 255 * taps, where="")
    return AveragePool2d(name="", inputs=(), output="", window=window, rescale=rescale, clamp=Clamp())


def _conv(draw: Draw, window: Window, groups: int, made: int, channels: int) -> Conv2d:
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    return Conv2d(
        name="",
        inputs=(),
        output="",
        weights=rng.integers(-90, 91, (made, *window.kernel, channels // groups)).astype(np.int8),
        bias=rng.integers(-999, 999, made).astype(np.int32),
        window=window,
        groups=groups,
        rescale=rescale_for(rng.uniform(0.001, 0.01, made), 2**24, where=""),
        clamp=Clamp(),
    )


def graph_of_chains(parts: Sequence[Chain]) -> Graph:
    """Returns one graph with all chains side by side, so that they are compiled together."""
    operators = tuple(operator for chain in parts for operator in chain.operators)
    read = {name for operator in operators for name in operator.inputs}
    return Graph(
        "streams",
        "0" * 64,
        {tensor.name: tensor for chain in parts for tensor in chain.tensors},
        operators,
        tuple(chain.tensors[0].name for chain in parts),
        tuple(operator.output for operator in operators if operator.output not in read),
    )
