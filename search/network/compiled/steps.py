"""The steps of a compiled network: what each kind of layer computes, forwards and backwards."""

from math import prod
from typing import Protocol

import numpy as np
import torch
from torch import nn

from sparse_mcu.search.network.compiled import kernels
from sparse_mcu.search.network.compiled.kernels import Floats
from sparse_mcu.search.space.architecture import AveragePool, Concat, Conv, Dense, MaxPool

Norm = nn.BatchNorm1d | nn.BatchNorm2d


class Step(Protocol):
    """Computes the output of a layer, and then the gradients of its inputs and parameters."""

    def forward(self, maps: Floats) -> None:
        """Computes the layer's output from its inputs, both rows of `maps`."""

    def backward(self, maps: Floats, grads: Floats) -> None:
        """Adds to the gradients of the inputs in `grads`, and replaces those of the parameters."""


class Sums:
    """The sums of a convolution or a dense layer.

    Args:
        layer: The layer.
        linear: Its torch module.
        x: The first row of the input.
        z: The first row of the sums.
        reads_image: Whether the input is the image, whose gradient nobody wants.
    """

    def __init__(
        self, layer: Conv | Dense, linear: nn.Conv2d | nn.Linear, x: int, z: int, *, reads_image: bool
    ) -> None:
        self._x, self._z, self._wants_input = x, z, not reads_image
        self._weights, self._grads = (each.reshape(len(linear.weight), -1) for each in _views(linear.weight))
        if isinstance(layer, Conv):
            channels, height, width = layer.input_shape
            shape = (
                channels // layer.groups,
                height,
                width,
                layer.kernel,
                layer.stride,
                layer.padding[0],
                layer.groups,
            )
            self._window = np.array((*shape, *layer.output_shape), np.int64)
        else:
            self._window = np.array((*layer.input_shape, 1, 1, 1, 1, 0, 1, layer.units, 1, 1), np.int64)

    def forward(self, maps: Floats) -> None:
        """Computes the sums."""
        kernels.convolve(maps, self._x, self._z, self._weights, self._window)

    def backward(self, maps: Floats, grads: Floats) -> None:
        """Computes the gradients of the weights, and adds to those of the input."""
        self._grads[:] = 0
        turned = np.ascontiguousarray(self._weights.T)
        kernels.convolve_back(maps, grads, self._x, self._z, turned, self._grads, self._window, self._wants_input)


class Normalised:
    """A batch normalisation with a ReLU, or without one.

    Args:
        norm: Its torch module.
        z: The first row of the input.
        y: The first row of the output.
        size: The positions of a channel.
        relu: Whether a ReLU follows.
    """

    def __init__(self, norm: Norm, z: int, y: int, size: int, *, relu: bool) -> None:
        self._place, self._relu = (z, y, size), relu
        (factors, factor_grads), (shifts, shift_grads) = _views(norm.weight), _views(norm.bias)
        self._affine, self._affine_grads = (factors, shifts), (factor_grads, shift_grads)
        mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        self._running = (mean.numpy(), variance.numpy())
        self._batch = np.empty((2, norm.num_features), np.float32)
        self._settings = (norm.momentum or 0.0, norm.eps)

    def forward(self, maps: Floats) -> None:
        """Normalises the batch, and updates the running statistics."""
        kernels.normalise(maps, self._place, self._affine, self._running, self._batch, self._settings, self._relu)

    def backward(self, maps: Floats, grads: Floats) -> None:
        """Computes the gradients of the input, the factors and the shifts."""
        kernels.normalise_back(maps, grads, self._place, self._affine[0], self._affine_grads, self._batch, self._relu)


class Biased:
    """The biases of the last layer.

    Args:
        linear: The torch module of the layer.
        z: The first row of the sums.
        y: The first row of the logits.
    """

    def __init__(self, linear: nn.Conv2d | nn.Linear, z: int, y: int) -> None:
        self._z, self._y = z, y
        self._biases, self._grads = _views(linear.get_parameter("bias"))

    def forward(self, maps: Floats) -> None:
        """Adds the biases."""
        kernels.add_biases(maps, self._z, self._y, self._biases)

    def backward(self, _maps: Floats, grads: Floats) -> None:
        """Computes the gradients of the sums and the biases."""
        kernels.add_biases_back(grads, self._z, self._y, self._grads)


class Pooled:
    """A pooling.

    Args:
        layer: The layer.
        x: The first row of the input.
        y: The first row of the output.
    """

    def __init__(self, layer: MaxPool | AveragePool, x: int, y: int) -> None:
        self._layer, self._x, self._y = layer, x, y
        self._shape = (layer.input_shape[0], layer.input_shape[1], layer.input_shape[2])

    def forward(self, maps: Floats) -> None:
        """Pools each window."""
        if isinstance(self._layer, MaxPool):
            kernels.pool_largest(maps, self._x, self._y, self._shape, self._layer.size)
        else:
            kernels.pool_mean(maps, self._x, self._y, self._shape, self._layer.window)

    def backward(self, maps: Floats, grads: Floats) -> None:
        """Adds to the gradients of each window."""
        if isinstance(self._layer, MaxPool):
            kernels.pool_largest_back(maps, grads, self._x, self._y, self._shape, self._layer.size)
        else:
            kernels.pool_mean_back(grads, self._x, self._y, self._shape, self._layer.window)


class Added:
    """A sum of two maps with a ReLU.

    Args:
        left: The first row of one map.
        right: The first row of the other one.
        y: The first row of the output.
        rows: The rows of each.
    """

    def __init__(self, left: int, right: int, y: int, rows: int) -> None:
        self._left, self._right, self._y, self._rows = left, right, y, rows

    def forward(self, maps: Floats) -> None:
        """Adds the maps."""
        kernels.add_maps(maps, self._left, self._right, self._y, self._rows)

    def backward(self, maps: Floats, grads: Floats) -> None:
        """Adds to the gradients of both maps."""
        kernels.add_maps_back(maps, grads, self._left, self._right, self._y, self._rows)


class Joined:
    """A concatenation, which copies its inputs one after the other.

    Args:
        layer: The layer.
        inputs: The first row of each input.
        y: The first row of the output.
    """

    def __init__(self, layer: Concat, inputs: list[int], y: int) -> None:
        size = prod(layer.input_shape[1:])
        self._ranges: list[tuple[slice, slice]] = []
        for source, width in zip(inputs, layer.widths, strict=True):
            self._ranges.append((slice(source, source + width * size), slice(y, y + width * size)))
            y += width * size

    def forward(self, maps: Floats) -> None:
        """Copies the inputs."""
        for source, target in self._ranges:
            maps[target] = maps[source]

    def backward(self, _maps: Floats, grads: Floats) -> None:
        """Adds to the gradients of the inputs."""
        for source, target in self._ranges:
            grads[source] += grads[target]


def _views(parameter: torch.Tensor) -> tuple[Floats, Floats]:
    """Returns flat views of a parameter and of its gradient, which is made if there is none."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.detach().view(-1).numpy(), parameter.grad.view(-1).numpy()
