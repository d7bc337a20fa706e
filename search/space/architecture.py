"""Describes a candidate as a graph of layers, for training, quantisation and export.

Each layer names the layers whose outputs it reads. Most networks are chains, in which each layer reads the one before
it. Skip connections and parallel branches end in an `Add` or a `Concat`, which read several.

Shapes are (channels, height, width), as in torch and ONNX. The shape of a vector is (features,). This module does not
import torch.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

from sparse_mcu.search.space.task import Task

Shape = tuple[int, ...]

IMAGE = "image"
"""The name by which layers read the image. No layer has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The part that all layers share.

    Attributes:
        name: The layer's name, unique in its network. The nodes of the exported file get it too.
        inputs: The names of the layers whose outputs it reads; IMAGE is the image.
        input_shape: The shape of its first input.
    """

    name: str
    inputs: tuple[str, ...]
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
    """A convolution with batch normalisation and, mostly, ReLU.

    Attributes:
        channels: The number of output channels.
        kernel: The height and the width of the window.
        stride: The step of the window in both directions.
        padding: The zeros (before, after) each row and each column.
        groups: 1, or the number of input channels for a depthwise convolution.
        relu: Whether a ReLU follows. Before an `Add` there is none, since the `Add` has one.
    """

    channels: int
    kernel: int
    stride: int
    padding: tuple[int, int]
    groups: int
    relu: bool = True

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
class Add(Layer):
    """Adds two feature maps of one shape. A ReLU follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(Layer):
    """Joins the channels of feature maps of one height and width.

    Attributes:
        widths: The number of channels of each input.
    """

    widths: tuple[int, ...]

    @property
    def output_shape(self) -> Shape:
        """Returns (sum of the channels, height, width)."""
        return (sum(self.widths), *self.input_shape[1:])


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


@dataclass(frozen=True)
class Architecture:
    """The layers from an image to logits, in an order in which each one reads layers before it."""

    task: Task
    layers: tuple[Layer, ...]

    @property
    def is_valid(self) -> bool:
        """Returns whether all shapes go together, and the last layer gives one logit for each class."""
        return not self.flaw

    @cached_property
    def flaw(self) -> str:
        """Returns what is wrong with the layers, in words; "" if they are valid."""
        shapes: dict[str, Shape] = {IMAGE: self.task.shape}
        for layer in self.layers:
            flaw = _flaw(layer, [shapes[name] for name in layer.inputs])
            if flaw:
                return f"layer {layer.name} {flaw} (channels, height, width)"
            shapes[layer.name] = layer.output_shape
        if self.layers[-1].output_shape != (self.task.classes,):
            return f"the last layer has no output for each of the {self.task.classes} classes"
        return ""

    @cached_property
    def weights(self) -> int:
        """Returns the number of weights without biases. That is also their size in bytes at 8 bits."""
        return sum(layer.weights for layer in self.layers)

    @cached_property
    def macs(self) -> int:
        """Returns the multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)

    @property
    def working_memory(self) -> int:
        """Returns the largest sum of a layer's inputs and output in elements (SpArSe's working memory, model 2).

        A layer is what computes. Both inputs of an addition count. `Flatten` and `Concat` only move values.
        """
        computing = (layer for layer in self.layers if not isinstance(layer, Flatten | Concat))
        return max(len(each.inputs) * prod(each.input_shape) + prod(each.output_shape) for each in computing)


def _flaw(layer: Layer, shapes: list[Shape]) -> str:
    """Returns what is wrong with a layer whose inputs have these shapes; "" if it is valid."""
    if isinstance(layer, Add) and len(set(shapes)) > 1:
        return f"adds {_listed(shapes)}"
    if isinstance(layer, Concat) and len({shape[1:] for shape in shapes}) > 1:
        return f"joins {_listed(shapes)}"
    if min(layer.output_shape) < 1:
        return f"leaves nothing of its input of {_listed(shapes)}"
    return ""


def _listed(shapes: list[Shape]) -> str:
    return " and ".join("x".join(map(str, shape)) for shape in shapes)
