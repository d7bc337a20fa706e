"""Describes what the cycles and the code of a kernel grow with. Each kernel states it; measured factors price it."""

from dataclasses import dataclass
from math import prod

from sparse_mcu.costmodel.graph.operators import AveragePool2d, Conv2d, Dense, MaxPool2d
from sparse_mcu.costmodel.graph.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Work:
    """Counts, at one place, what costs a kernel time and what lengthens its code.

    Attributes:
        products: Multiplications. In a pool, values that are compared or added.
        outputs: Values that are written.
        gathered: Values that are copied or loaded one by one before they are used.
        steps: Turns of the outer loops. For `depthwise_rows` and `pointwise_biplex`, weights that are loaded.
        body: How often the code repeats its inner block. For a sparse kernel, 1 if its code copies windows.
        variant: Set where a kernel has factors of its own for some operators. Its factors stand under
            "<kernel> <variant>".
    """

    products: int
    outputs: int
    gathered: int
    steps: int
    body: int = 0
    variant: str = ""

    @property
    def cycle_terms(self) -> tuple[float, ...]:
        """The terms of the weighted sum that predicts cycles. The last term is a constant."""
        return float(self.products), float(self.outputs), float(self.gathered), float(self.steps), 1.0

    @property
    def code_terms(self) -> tuple[float, ...]:
        """The terms of the weighted sum that predicts bytes of code. The first term is a constant."""
        return 1.0, float(self.body)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Holds the sizes of a layer with weights.

    Attributes:
        pixels: Pixels of the output. For a dense layer, its rows.
        channels: Channels of the output.
        taps: Weights of one output channel.
        rows: Rows of the window. For a dense layer, 1.
    """

    pixels: int
    channels: int
    taps: int
    rows: int

    @property
    def outputs(self) -> int:
        """Values of the output."""
        return self.pixels * self.channels


def sizes_of(operator: Conv2d | Dense, output: Tensor) -> Sizes:
    """Returns the sizes of the layer that writes `output`."""
    channels = operator.bias.size
    rows = operator.weights.shape[1] if isinstance(operator, Conv2d) else 1
    return Sizes(output.size_bytes // channels, channels, prod(operator.weights.shape[1:]), rows)


def matrix_work(operator: Conv2d | Dense, output: Tensor, body: int = 0, together: int = 1) -> Work:
    """Returns the work of a kernel that reads each window once and uses it for all output channels.

    Args:
        operator: The layer.
        output: The tensor that it writes.
        body: How often the code repeats its inner block.
        together: Pixels that are computed at a time. The last group is computed whole even if it has fewer.
    """
    sizes = sizes_of(operator, output)
    computed = -(-sizes.pixels // together) * together
    products = computed * sizes.channels * sizes.taps
    return Work(products, sizes.outputs, sizes.pixels * sizes.taps, sizes.pixels * sizes.rows, body)


def channelwise_work(operator: Conv2d, source: Tensor, output: Tensor) -> Work:
    """Returns the work of a depthwise kernel that reads every value of the input once."""
    sizes = sizes_of(operator, output)
    return Work(sizes.outputs * sizes.taps, sizes.outputs, source.size_bytes, sizes.outputs * sizes.rows)


def sparse_work(operator: Conv2d | Dense, output: Tensor, entries: int, copied_bytes: int = 0) -> Work:
    """Returns the work of a sparse kernel.

    Args:
        operator: The layer.
        output: The tensor that it writes.
        entries: Stored weights of all channels.
        copied_bytes: Bytes of the window if it is copied for each pixel, else 0.
    """
    sizes = sizes_of(operator, output)
    pixels = sizes.pixels
    return Work(pixels * entries, sizes.outputs, pixels * copied_bytes, pixels * sizes.rows, int(copied_bytes > 0))


def pool_work(operator: MaxPool2d | AveragePool2d, output: Tensor) -> Work:
    """Returns the work of a pool, which looks once at every value of each window."""
    outputs, (height, width) = output.size_bytes, operator.window.kernel
    return Work(outputs * height * width, outputs, 0, outputs // output.shape[-1] * height)
