"""Describes a candidate as a chain of layers, for training, quantisation and export.

Shapes are (channels, height, width), as in torch and ONNX. The shape of a vector is (features,). This module does not
import torch.
"""

from dataclasses import dataclass
from math import prod

from sparse_mcu.search.space.task import Task

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The part that all layers share.

    Attributes:
        name: The layer's name, unique in its network. The nodes of the exported file get it too.
        input_shape: The shape of the input.
    """

    name: str
    input_shape: Shape

    @property
    def output_shape(self) -> Shape:
        """Returns the shape of the output."""
        return self.input_shape

    @property
    def weights(self) -> int:
        """Returns the number of weights without biases."""
        return 0

    @property
    def macs(self) -> int:
        """Returns the multiply-accumulates of one inference."""
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv(Layer):
    """A convolution with batch normalisation and ReLU.

    Attributes:
        channels: The number of output channels.
        kernel: The height and the width of the window.
        stride: The step of the window in both directions.
        padding: The zeros (before, after) each row and each column.
        groups: 1, or the number of input channels for a depthwise convolution.
    """

    channels: int
    kernel: int
    stride: int
    padding: tuple[int, int]
    groups: int

    @property
    def output_shape(self) -> Shape:
        """Returns (channels, height, width)."""
        _, height, width = self.input_shape
        room = sum(self.padding) - self.kernel
        return (self.channels, (height + room) // self.stride + 1, (width + room) // self.stride + 1)

    @property
    def weights(self) -> int:
        """Returns output channels x input channels of a group x window."""
        return self.channels * (self.input_shape[0] // self.groups) * self.kernel**2

    @property
    def macs(self) -> int:
        """Returns one for each weight and output position."""
        return self.weights * prod(self.output_shape[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPool(Layer):
    """Takes the largest value of each window of `size` x `size`. Rows and columns that fill no window are dropped."""

    size: int

    @property
    def output_shape(self) -> Shape:
        """Returns (channels, height // size, width // size)."""
        channels, height, width = self.input_shape
        return (channels, height // self.size, width // self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePool(Layer):
    """Takes the mean of each window (height, width). Rows and columns that fill no window are dropped."""

    window: tuple[int, int]

    @property
    def output_shape(self) -> Shape:
        """Returns (channels, height // window height, width // window width)."""
        channels, height, width = self.input_shape
        return (channels, height // self.window[0], width // self.window[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatten(Layer):
    """Turns a feature map into a vector, channel by channel."""

    @property
    def output_shape(self) -> Shape:
        """Returns (channels * height * width,)."""
        return (prod(self.input_shape),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Select(Layer):
    """Takes some features of a vector, as pruning leaves them. No configuration has this layer.

    Attributes:
        indices: The places of the features in the input, ascending.
    """

    indices: tuple[int, ...]

    @property
    def output_shape(self) -> Shape:
        """Returns (number of indices,)."""
        return (len(self.indices),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense(Layer):
    """A fully connected layer. Batch normalisation and ReLU follow a hidden one.

    Attributes:
        units: The number of outputs.
        hidden: False for the last layer, which outputs the logits.
    """

    units: int
    hidden: bool

    @property
    def output_shape(self) -> Shape:
        """Returns (units,)."""
        return (self.units,)

    @property
    def weights(self) -> int:
        """Returns units x inputs."""
        return self.units * self.input_shape[0]

    @property
    def macs(self) -> int:
        """Returns one for each weight."""
        return self.weights


@dataclass(frozen=True, slots=True)
class Architecture:
    """A chain of layers from an image to logits."""

    task: Task
    layers: tuple[Layer, ...]

    @property
    def is_valid(self) -> bool:
        """Returns whether every feature map has a pixel, and the chain ends in one logit for each class."""
        return not self.flaw

    @property
    def flaw(self) -> str:
        """Returns what is wrong with the chain, in words; "" if it is valid."""
        for layer in self.layers:
            if min(layer.output_shape) < 1:
                shape = "x".join(map(str, layer.input_shape))
                return f"layer {layer.name} leaves nothing of its input of {shape} (channels, height, width)"
        if self.layers[-1].output_shape != (self.task.classes,):
            return f"the last layer has no output for each of the {self.task.classes} classes"
        return ""

    @property
    def weights(self) -> int:
        """Returns the number of weights without biases. That is also their size in bytes at 8 bits."""
        return sum(layer.weights for layer in self.layers)

    @property
    def macs(self) -> int:
        """Returns the multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)

    @property
    def working_memory(self) -> int:
        """Returns the largest sum of a layer's input and output in elements (SpArSe's working memory, model 2)."""
        return max(prod(layer.input_shape) + prod(layer.output_shape) for layer in self.layers)
