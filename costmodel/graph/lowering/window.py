"""Places sliding windows: reads strides, dilations and padding from the attributes of Conv and the pools.

Source: ONNX operator specification, Conv, MaxPool and AveragePool (https://onnx.ai/onnx/operators/).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from sparse_mcu.costmodel.graph.limits import MAX_TENSOR_BYTES
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.operators import Window


@dataclass(frozen=True, slots=True)
class Placement:
    """A window on an image, and the output's height and width.

    Attributes:
        window: The window. Its padding includes what ceil_mode adds.
        size: (height, width) of the output.
        extended: Whether ceil_mode added to the stated padding.
    """

    window: Window
    size: tuple[int, int]
    extended: bool


@dataclass(frozen=True, slots=True)
class _Axis:
    """One spatial axis of a window."""

    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    size: int
    extended: bool


def place_window(node: Node, kernel: Sequence[int], image: Sequence[int]) -> Placement:
    """Returns the node's window on an image.

    Args:
        node: A Conv or pool.
        kernel: The one or two spatial dimensions of its kernel.
        image: The stored shape (1, H, W, C). A signal has H = 1.

    Raises:
        ModelError: An attribute is malformed, or the kernel does not fit into the padded image.
    """
    count = len(kernel)
    strides = _per_axis(node, "strides", count, smallest=1, default=1)
    dilations = _per_axis(node, "dilations", count, smallest=1, default=1)
    pads = _per_axis(node, "pads", 2 * count, smallest=0, default=0)
    sizes = image[3 - count : 3]
    axes = [
        _axis(node, sizes[index], kernel[index], strides[index], dilations[index], (pads[index], pads[count + index]))
        for index in range(count)
    ]
    if count == 1:
        axes.insert(0, _Axis(kernel=1, stride=1, dilation=1, before=0, after=0, size=image[1], extended=False))
    high, wide = axes
    padded = (image[1] + high.before + high.after, image[2] + wide.before + wide.after, image[3])
    if prod(padded) > MAX_TENSOR_BYTES:
        raise node.malformed(f"padding makes its input {list(padded)}", fix="Check the model's pads.")
    window = Window(
        kernel=(high.kernel, wide.kernel),
        strides=(high.stride, wide.stride),
        padding=(high.before, wide.before, high.after, wide.after),
        dilations=(high.dilation, wide.dilation),
    )
    return Placement(window, (high.size, wide.size), high.extended or wide.extended)


def _per_axis(node: Node, name: str, count: int, *, smallest: int, default: int) -> tuple[int, ...]:
    found = node.attributes.integers(name)
    if found is None:
        return (default,) * count
    if len(found) != count or min(found) < smallest:
        raise node.malformed(f"{name} {list(found[:8])}: {count} numbers of at least {smallest} are needed")
    return found


def _axis(node: Node, size: int, kernel: int, stride: int, dilation: int, pads: tuple[int, int]) -> _Axis:
    reach = (kernel - 1) * dilation + 1
    before, after = _padding(node, size, reach, stride, pads)
    spare = size + before + after - reach
    if spare < 0:
        raise node.malformed(
            f"a kernel reaching over {reach} does not fit into {size + before + after} (padding included)",
            fix="Check the shapes of the model.",
        )
    steps = spare // stride
    # ceil_mode adds a window if it starts inside the image or its left padding.
    more = node.attributes.integer("ceil_mode", 0) and spare % stride and (steps + 1) * stride < size + before
    if more:
        steps += 1
        after += steps * stride - spare
    return _Axis(kernel, stride, dilation, before, after, steps + 1, bool(more))


def _padding(node: Node, size: int, reach: int, stride: int, pads: tuple[int, int]) -> tuple[int, int]:
    mode = node.attributes.text("auto_pad", "NOTSET")
    if mode == "NOTSET":
        return pads
    if mode == "VALID":
        return 0, 0
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise node.malformed(f"auto_pad {mode[:40]!r}", fix="Export with explicit pads.")
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    half = total // 2
    return (half, total - half) if mode == "SAME_UPPER" else (total - half, half)
