"""A candidate as a chain of layers: what training, quantisation and export all walk along.

Shapes are (channels, height, width), as in torch and ONNX; vectors are (features,). No torch here.
"""

from dataclasses import dataclass
from math import prod

from sparse_mcu.search.space.task import Task

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What all layers share.

    Attributes:
        name: Unique in its network; names the nodes of the exported file.
        input_shape: Shape of what it reads.
    """

    name: str
    input_shape: Shape

    @property
    def output_shape(self) -> Shape:
        """Shape of what it writes."""
        return self.input_shape

    @property
    def weights(self) -> int:
        """Number of weights, biases not counted."""
        return 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv(Layer):
    """Convolution, batch normalisation, ReLU.

    Attributes:
        channels: Output channels.
        kernel: Height and width of the window.
        stride: Its step, both ways.
        padding: (before, after), of rows and of columns.
        groups: 1, or the input's channels for a depthwise convolution.
    """

    channels: int
    kernel: int
    stride: int
    padding: tuple[int, int]
    groups: int

    @property
    def output_shape(self) -> Shape:
        """(channels, height, width)."""
        _, height, width = self.input_shape
        room = sum(self.padding) - self.kernel
        return (self.channels, (height + room) // self.stride + 1, (width + room) // self.stride + 1)

    @property
    def weights(self) -> int:
        """Channels x inputs of a channel x window."""
        return self.channels * (self.input_shape[0] // self.groups) * self.kernel**2

    @property
    def macs(self) -> int:
        """Every weight once for each output position."""
        return self.weights * prod(self.output_shape[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPool(Layer):
    """Largest value of each window of `size` x `size`; a rest at the border is dropped."""

    size: int

    @property
    def output_shape(self) -> Shape:
        """(channels, height // size, width // size)."""
        channels, height, width = self.input_shape
        return (channels, height // self.size, width // self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePool(Layer):
    """Mean of each window, (height, width); a rest at the border is dropped."""

    window: tuple[int, int]

    @property
    def output_shape(self) -> Shape:
        """(channels, height // window height, width // window width)."""
        channels, height, width = self.input_shape
        return (channels, height // self.window[0], width // self.window[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatten(Layer):
    """A feature map as a vector, channel by channel."""

    @property
    def output_shape(self) -> Shape:
        """(channels * height * width,)."""
        return (prod(self.input_shape),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense(Layer):
    """A fully connected layer; a hidden one is followed by batch normalisation and ReLU.

    Attributes:
        units: Outputs.
        hidden: False for the last layer, whose outputs are the logits.
    """

    units: int
    hidden: bool

    @property
    def output_shape(self) -> Shape:
        """(units,)."""
        return (self.units,)

    @property
    def weights(self) -> int:
        """Units x inputs."""
        return self.units * self.input_shape[0]

    @property
    def macs(self) -> int:
        """Every weight once."""
        return self.weights


@dataclass(frozen=True, slots=True)
class Architecture:
    """A chain of layers, from image to logits."""

    task: Task
    layers: tuple[Layer, ...]

    @property
    def is_valid(self) -> bool:
        """Whether no feature map has vanished and the chain ends in one logit per class."""
        return not self.flaw

    @property
    def flaw(self) -> str:
        """What is wrong with the chain, in words; "" where it is valid."""
        for layer in self.layers:
            if min(layer.output_shape) < 1:
                shape = "x".join(map(str, layer.input_shape))
                return f"layer {layer.name} leaves nothing of its input of {shape} (channels, height, width)"
        if self.layers[-1].output_shape != (self.task.classes,):
            return f"the last layer has no output for each of the {self.task.classes} classes"
        return ""

    @property
    def weights(self) -> int:
        """Number of weights; as many bytes at 8 bits."""
        return sum(layer.weights for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)

    @property
    def working_memory(self) -> int:
        """Largest sum of a layer's input and output, in elements (SpArSe's working memory, model 2)."""
        return max(prod(layer.input_shape) + prod(layer.output_shape) for layer in self.layers)
