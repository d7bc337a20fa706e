"""Builds networks of feature maps without a file, to test streams."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from sparse_mcu.costmodel.graph import (
    Add,
    AveragePool2d,
    Clamp,
    Concat,
    Conv2d,
    Graph,
    MaxPool2d,
    Operator,
    Quantization,
    Requantize,
    Rescale,
    Tensor,
    Window,
)
from sparse_mcu.costmodel.graph.operators import AverageRows
from sparse_mcu.costmodel.memory.model.plan import KernelContract

_RESCALE = Rescale(np.full(1, 2**28, np.int32), 0)
_SHARED = Quantization(0.1, 3)


@dataclass(slots=True)
class Net:
    """Builds a graph. Each method adds a tensor and returns its name."""

    shape: tuple[int, int, int]
    operators: list[Operator] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Adds the input."""
        self.tensors["x"] = Tensor("x", (1, *self.shape), _SHARED)

    def of(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a tensor without the batch axis."""
        return self.tensors[name].shape[1:]

    def tensor(self, *shape: int, zero_point: int = 3) -> str:
        """Adds a tensor without an operator that writes it."""
        name = f"t{len(self.tensors)}"
        self.tensors[name] = Tensor(name, (1, *shape), Quantization(0.1, zero_point))
        return name

    def conv(self, source: str, channels: int, window: Window, groups: int = 1, zero_point: int = 3) -> str:
        """Adds a convolution."""
        deep = self.of(source)[-1] // groups
        rng = np.random.default_rng(len(self.operators))
        output = self.tensor(*slid(self.of(source), window), channels, zero_point=zero_point)
        operator = Conv2d(
            name=f"o{len(self.operators)}",
            inputs=(source,),
            output=output,
            weights=rng.integers(-9, 10, (channels, *window.kernel, deep), dtype=np.int8),
            bias=rng.integers(-99, 99, channels, dtype=np.int32),
            window=window,
            groups=groups,
            rescale=_RESCALE,
            clamp=Clamp(),
        )
        self.operators.append(operator)
        return output

    def pool(self, source: str, window: Window, *, is_maximum: bool = True) -> str:
        """Adds a maximum or average pool."""
        output = self.tensor(*slid(self.of(source), window), self.of(source)[-1])
        name = f"o{len(self.operators)}"
        if is_maximum:
            self.operators.append(MaxPool2d(name=name, inputs=(source,), output=output, window=window, clamp=Clamp()))
        else:
            self.operators.append(
                AveragePool2d(
                    name=name, inputs=(source,), output=output, window=window, rescale=_RESCALE, clamp=Clamp()
                )
            )
        return output

    def global_pool(self, source: str) -> str:
        """Adds an average over the whole map."""
        height, width, _ = self.of(source)
        return self.pool(source, Window(kernel=(height, width)), is_maximum=False)

    def add(self, one: str, other: str) -> str:
        """Adds a sum of two tensors."""
        output = self.tensor(*self.of(one))
        self.operators.append(
            Add(
                name=f"o{len(self.operators)}",
                inputs=(one, other),
                output=output,
                multipliers=(2**18, 2**18),
                shift=19,
                clamp=Clamp(),
            )
        )
        return output

    def concat(self, one: str, other: str) -> str:
        """Adds a Concat of two tensors along their channels."""
        height, width, channels = self.of(one)
        output = self.tensor(height, width, channels + self.of(other)[-1])
        self.operators.append(Concat(name=f"o{len(self.operators)}", inputs=(one, other), output=output, axis=3))
        return output

    def relu(self, source: str) -> str:
        """Adds an operator that raises codes below 3, the zero point, to 3."""
        output = self.tensor(*self.of(source))
        self.operators.append(
            Requantize(
                name=f"o{len(self.operators)}", inputs=(source,), output=output, rescale=_RESCALE, clamp=Clamp(low=3)
            )
        )
        return output

    def graph(self, *outputs: str) -> Graph:
        """Returns the graph that was built."""
        return Graph("net", "", self.tensors, tuple(self.operators), ("x",), outputs)


def slid(shape: tuple[int, ...], window: Window) -> tuple[int, int]:
    """Returns the height and width of the output of a window over a map."""
    top, left, bottom, right = window.padding
    sizes = []
    for axis, around in ((0, top + bottom), (1, left + right)):
        extent = (window.kernel[axis] - 1) * window.dilations[axis] + 1
        sizes.append((shape[axis] + around - extent) // window.strides[axis] + 1)
    return sizes[0], sizes[1]


def kernels(operator: Operator, inputs: tuple[Tensor, ...], output: Tensor) -> KernelContract:
    """Returns the contract that a kernel might state that reads an input pixel before it writes the output pixel."""
    if isinstance(operator, AverageRows):
        return KernelContract(4 * output.shape[-1])
    if isinstance(operator, Add | Requantize):
        return KernelContract(0, dict.fromkeys(operator.inputs, 0))
    if isinstance(operator, Conv2d) and operator.window.kernel == (1, 1) and operator.window.strides == (1, 1):
        growth = output.size_bytes - inputs[0].size_bytes
        return KernelContract(inputs[0].shape[-1], {operator.inputs[0]: max(0, growth)})
    return KernelContract()


@st.composite
def windows(draw: st.DrawFn, shape: tuple[int, ...], *, most_stride: int = 2, is_padded: bool = True) -> Window:
    """Draws a window that fits into a map. The padding of a side is less than the window's extent."""
    kernel = draw(st.integers(1, min(4, shape[0]))), draw(st.integers(1, min(4, shape[1])))
    dilations = _dilation(draw, kernel[0], shape[0]), _dilation(draw, kernel[1], shape[1])
    most = [min(2, (kernel[axis] - 1) * dilations[axis]) if is_padded else 0 for axis in (0, 1)]
    top, left, bottom, right = (draw(st.integers(0, most[side % 2])) for side in range(4))
    strides = draw(st.integers(1, most_stride)), draw(st.integers(1, most_stride))
    return Window(kernel=kernel, strides=strides, padding=(top, left, bottom, right), dilations=dilations)


def _dilation(draw: st.DrawFn, kernel: int, size: int) -> int:
    return draw(st.integers(1, 2)) if (kernel - 1) * 2 < size else 1


@st.composite
def nets(draw: st.DrawFn, *, most_blocks: int = 5) -> Graph:
    """Draws chains with skips: convolutions, pools, sums and joins of two branches, perhaps an average at the end."""
    shape = (draw(st.integers(4, 13)), draw(st.integers(3, 9)), draw(st.integers(1, 4)))
    net, last = Net(shape), "x"
    for _ in range(draw(st.integers(2, most_blocks))):
        kind = draw(st.sampled_from(["conv", "depthwise", "pool", "residual", "join", "relu", "average"]))
        last = _block(draw, net, last, kind)
    if draw(st.booleans()) and net.of(last)[0] * net.of(last)[1] > 1:
        last = net.global_pool(last)
    return net.graph(last)


def _block(draw: st.DrawFn, net: Net, last: str, kind: str) -> str:
    channels = net.of(last)[-1]
    if kind == "conv":
        zero_point = draw(st.integers(-5, 5))
        return net.conv(last, draw(st.integers(1, 5)), draw(windows(net.of(last))), zero_point=zero_point)
    if kind == "depthwise":
        return net.conv(last, channels, draw(windows(net.of(last))), channels)
    if kind == "pool":
        return net.pool(last, draw(windows(net.of(last))))
    if kind == "average":
        return net.pool(last, draw(windows(net.of(last), is_padded=False)), is_maximum=False)
    if kind == "relu":
        return net.relu(last)
    height = draw(st.sampled_from([1, 3, 5])) if min(net.of(last)[:2]) > 2 else 1
    same = Window(kernel=(height, height), padding=(height // 2,) * 4)
    way = net.conv(net.conv(last, draw(st.integers(1, 5)), same), channels, Window(kernel=(1, 1)))
    return net.add(last, way) if kind == "residual" else net.concat(way, last)
