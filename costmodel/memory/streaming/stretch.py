"""Finds out whether operators can be streamed together, and which rows and columns each of them reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import (
    Add,
    AveragePool2d,
    AverageRows,
    Concat,
    Conv2d,
    MaxPool2d,
    Operator,
    Requantize,
    Window,
)

_CHANNELS = 3  # the axis of an NHWC shape


@dataclass(frozen=True, slots=True)
class Reach:
    """What an operator reads along one axis: output i reads `extent` inputs from i * stride - before on.

    Attributes:
        extent: How many inputs an output reads, dilation included.
        stride: Inputs from one output to the next.
        before: Padding at the start.
    """

    extent: int = 1
    stride: int = 1
    before: int = 0

    def end(self, outputs: int) -> int:
        """Return one past the last input that `outputs` outputs read."""
        return (outputs - 1) * self.stride + self.extent - self.before


def reach_of(operator: Operator, axis: int) -> Reach:
    """Along rows (axis 0) or columns (axis 1)."""
    if not isinstance(operator, Conv2d | MaxPool2d | AveragePool2d):
        return Reach()
    window = operator.window
    extent = (window.kernel[axis] - 1) * window.dilations[axis] + 1
    return Reach(extent, window.strides[axis], window.padding[axis])


@dataclass(frozen=True, slots=True)
class Link:
    """A reader of a tensor: its index in the stretch, and its reach along the rows."""

    reader: int
    reach: Reach


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Consecutive operators that can be executed together.

    Attributes:
        graph: Their graph.
        operators: In order; a global average at the end is an `AverageRows`.
        links: For each tensor, its readers among them.
        scale: For each tensor, how many of its rows make one row of the exit (for an `AverageRows`: of its input).
        inputs: Tensors that come from outside.
    """

    graph: Graph
    operators: tuple[Operator, ...]
    links: dict[str, tuple[Link, ...]]
    scale: dict[str, int]
    inputs: tuple[str, ...]

    @property
    def exit(self) -> str:
        """The tensor that the stretch makes."""
        return self.operators[-1].output

    @property
    def ends_in_average(self) -> bool:
        """Whether the last operator adds up rows."""
        return isinstance(self.operators[-1], AverageRows)

    def rows(self, tensor: str) -> int:
        """Return the rows of the complete tensor."""
        return self.graph.tensor(tensor).shape[1]

    def rows_of(self, index: int) -> int:
        """Return the rows that an operator computes in all (an `AverageRows`: reads)."""
        operator = self.operators[index]
        return self.rows(operator.inputs[0] if isinstance(operator, AverageRows) else operator.output)

    def row_bytes(self, tensor: str) -> int:
        """Return the bytes of a row of the complete tensor."""
        _, _, width, channels = self.graph.tensor(tensor).shape
        return width * channels

    def period(self, index: int) -> int:
        """Return the ticks from one firing of an operator to the next."""
        operator = self.operators[index]
        tensor = operator.inputs[0] if isinstance(operator, AverageRows) else operator.output
        return self.ticks_per_row // self.scale[tensor]

    @property
    def ticks_per_row(self) -> int:
        """Ticks from one firing of the exit to the next."""
        return lcm(*(scale for name, scale in self.scale.items() if name not in self.inputs))


def stretch_of(graph: Graph, operators: Sequence[Operator]) -> Stretch | None:
    """Return `operators` as a stretch; None if they cannot be streamed together.

    Args:
        graph: A validated graph.
        operators: Some of its operators, in a topological order.
    """
    *body, last = operators
    if not all(_works_by_rows(graph, operator) for operator in body) or not body:
        return None
    if not _works_by_rows(graph, last):
        return None
    members = (*body, _by_rows(graph, last) or last)
    links: dict[str, tuple[Link, ...]] = {}
    for index, operator in enumerate(members):
        for name in dict.fromkeys(operator.inputs):
            links[name] = (*links.get(name, ()), Link(index, reach_of(operator, 0)))
    scale = _scales(members, links)
    if scale is None or not _is_closed(graph, members):
        return None
    written = {operator.output for operator in members}
    return Stretch(graph, members, links, scale, tuple(name for name in links if name not in written))


def _works_by_rows(graph: Graph, operator: Operator) -> bool:
    if any(len(graph.tensor(name).shape) != _CHANNELS + 1 for name in (*operator.inputs, operator.output)):
        return False
    if isinstance(operator, Concat):
        return operator.axis == _CHANNELS
    return isinstance(operator, Conv2d | MaxPool2d | AveragePool2d | Add | Requantize)


def _by_rows(graph: Graph, operator: Operator) -> AverageRows | None:
    """Turn an average of the whole map into one that adds up rows; None for any other operator."""
    _, height, width, _ = graph.tensor(operator.inputs[0]).shape
    if not isinstance(operator, AveragePool2d) or height * width == 1:
        return None
    if operator.window != Window(kernel=(height, width), strides=operator.window.strides):
        return None
    return AverageRows(
        name=operator.name,
        inputs=operator.inputs,
        output=operator.output,
        positions=height * width,
        rescale=operator.rescale,
        clamp=operator.clamp,
    )


def _scales(members: Sequence[Operator], links: dict[str, tuple[Link, ...]]) -> dict[str, int] | None:
    """Return how many rows of each tensor make one row of the exit; None if two ways to the exit disagree."""
    scale = {members[-1].output: 1}
    for operator in reversed(members):
        if operator.output not in scale:
            return None
        for name in dict.fromkeys(operator.inputs):
            stride = next(link.reach.stride for link in links[name] if members[link.reader] is operator)
            rows = scale[operator.output] * stride
            if scale.setdefault(name, rows) != rows:
                return None
    return scale


def _is_closed(graph: Graph, members: Sequence[Operator]) -> bool:
    """Whether nobody outside reads what the operators write, except the last one's output."""
    names = {operator.name for operator in members}
    inner = {operator.output for operator in members[:-1]}
    outside = [operator for operator in graph.operators if operator.name not in names]
    return inner.isdisjoint(graph.outputs) and all(inner.isdisjoint(operator.inputs) for operator in outside)
