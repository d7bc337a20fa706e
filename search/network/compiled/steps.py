"""The steps of a compiled network: what each kind of layer computes, forwards and backwards."""

from math import prod
from typing import Protocol

import numpy as np
import torch
from torch import nn

from sparse_mcu.search.network.compiled import kernels
from sparse_mcu.search.network.compiled.kernels import Floats, Ints
from sparse_mcu.search.space.architecture import AveragePool, Concat, Conv, Dense, MaxPool

Norm = nn.BatchNorm1d | nn.BatchNorm2d


class Step(Protocol):
    """Computes the output of a layer, and then the gradients of its inputs and parameters."""

    def forward(self, maps: Floats, sums: Floats) -> None:
        """Computes the layer's output from its inputs, both rows of `maps`.

        A layer with weights first puts its sums into the same rows of `sums` as its output into those of `maps`.
        """

    def backward(self, maps: Floats, sums: Floats, grads: Floats) -> None:
        """Adds to the gradients of the inputs in `grads`, and replaces those of the parameters."""


class Sums:
    """The sums of a convolution or a dense layer, by loops over the images of a batch.

    Args:
        layer: The layer.
        linear: Its torch module.
        x: The first row of the input.
        y: The first row of the output, and of the sums.
        wants_input: Whether the gradient of the input is wanted: not if it is the image, or pooled from it.
    """

    def __init__(
        self, layer: Conv | Dense, linear: nn.Conv2d | nn.Linear, x: int, y: int, *, wants_input: bool
    ) -> None:
        self._x, self._y, self._wants_input, self._window = x, y, wants_input, _window(layer)
        self._weights, self._grads = (each.reshape(len(linear.weight), -1) for each in _views(linear.weight))

    def forward(self, maps: Floats, sums: Floats) -> None:
        """Computes the sums."""
        kernels.convolve(maps, self._x, sums, self._y, self._weights, self._window)

    def backward(self, maps: Floats, _sums: Floats, grads: Floats) -> None:
        """Computes the gradients of the weights, and adds to those of the input."""
        self._grads[:] = 0
        turned = np.ascontiguousarray(self._weights.T)
        kernels.convolve_back(maps, grads, self._x, self._y, turned, self._grads, self._window, self._wants_input)


class Products:
    """The sums of a wide convolution or dense layer, by torch's matrix products. The parameters are those of `Sums`.

    The inputs of one row of outputs are copied into the columns of a matrix (Chellapilla, Puri and Simard, 2006). A
    copy pays where enough outputs read it. On one core, 20 outputs or more were 1.0 to 4.5 times as fast as the loops
    in layers of 8,192 multiply-accumulates or more, and 16 outputs or fewer 0.7 to 1.2 times.
    """

    LEAST_OUTPUTS = 20
    LEAST_MACS = 8192

    @classmethod
    def suit(cls, layer: Conv | Dense) -> bool:
        """Returns whether products are faster for a layer than loops. The shape of the layer alone decides."""
        is_mixing = isinstance(layer, Dense) or layer.groups == 1
        return is_mixing and layer.output_shape[0] >= cls.LEAST_OUTPUTS and layer.macs >= cls.LEAST_MACS

    def __init__(
        self, layer: Conv | Dense, linear: nn.Conv2d | nn.Linear, x: int, y: int, *, wants_input: bool
    ) -> None:
        self._x, self._y, self._wants_input, self._window = x, y, wants_input, _window(layer)
        views = (each.reshape(len(linear.weight), -1) for each in _views(linear.weight))
        self._weights, self._grads = map(torch.from_numpy, views)

    def forward(self, maps: Floats, sums: Floats) -> None:
        """Computes the sums."""
        columns = self._columns(maps)
        for down, row in enumerate(self._rows(sums)):
            kernels.gather(maps, self._x, self._window, down, columns.numpy())
            torch.mm(self._weights, columns, out=row)

    def backward(self, maps: Floats, _sums: Floats, grads: Floats) -> None:
        """Computes the gradients of the weights, and adds to those of the input."""
        self._grads.zero_()
        columns = self._columns(maps)
        for down, above in enumerate(self._rows(grads)):
            kernels.gather(maps, self._x, self._window, down, columns.numpy())
            self._grads.addmm_(above, columns.T)
            if self._wants_input:
                torch.mm(self._weights.T, above, out=columns)
                kernels.scatter(grads, self._x, self._window, down, columns.numpy())

    def _columns(self, maps: Floats) -> torch.Tensor:
        return torch.empty(self._weights.shape[1], int(self._window[kernels.OUT_WIDTH]) * maps.shape[1])

    def _rows(self, maps: Floats) -> tuple[torch.Tensor, ...]:
        """Returns a view of each row of outputs, [output channels, outputs of the row x images]."""
        outputs, height, width = map(int, self._window[kernels.OUTPUTS :])
        own = torch.from_numpy(maps[self._y : self._y + outputs * height * width])
        return own.view(outputs, height, width * maps.shape[1]).unbind(dim=1)


def _window(layer: Conv | Dense) -> Ints:
    """Returns the shape of a layer for the loops."""
    if isinstance(layer, Dense):
        return np.array((*layer.input_shape, 1, 1, 1, 1, 0, 1, layer.units, 1, 1), np.int64)
    channels, *size = layer.input_shape
    moves = (layer.kernel, layer.stride, layer.padding[0], layer.groups)
    return np.array((channels // layer.groups, *size, *moves, *layer.output_shape), np.int64)


class Normalised:
    """A batch normalisation with a ReLU, or without one.

    Args:
        norm: Its torch module.
        y: The first row of the sums, and of the output.
        size: The positions of a channel.
        relu: Whether a ReLU follows.
    """

    def __init__(self, norm: Norm, y: int, size: int, *, relu: bool) -> None:
        self._place, self._relu = (y, size), relu
        (factors, factor_grads), (shifts, shift_grads) = _views(norm.weight), _views(norm.bias)
        self._affine, self._affine_grads = (factors, shifts), (factor_grads, shift_grads)
        mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        self._running = (mean.numpy(), variance.numpy())
        self._batch = np.empty((2, norm.num_features), np.float32)
        self._settings = (norm.momentum or 0.0, norm.eps)

    def forward(self, maps: Floats, sums: Floats) -> None:
        """Normalises the batch, and updates the running statistics."""
        kernels.normalise(sums, maps, self._place, self._affine, self._running, self._batch, self._settings, self._relu)

    def backward(self, _maps: Floats, sums: Floats, grads: Floats) -> None:
        """Computes the gradients of the sums, the factors and the shifts."""
        kernels.normalise_back(sums, grads, self._place, self._affine, self._affine_grads, self._batch, self._relu)


class Biased:
    """The biases of the last layer.

    Args:
        linear: The torch module of the layer.
        y: The first row of the sums, and of the logits.
    """

    def __init__(self, linear: nn.Conv2d | nn.Linear, y: int) -> None:
        self._y = y
        self._biases, self._grads = _views(linear.get_parameter("bias"))

    def forward(self, maps: Floats, sums: Floats) -> None:
        """Adds the biases."""
        kernels.add_biases(sums, maps, self._y, self._biases)

    def backward(self, _maps: Floats, _sums: Floats, grads: Floats) -> None:
        """Computes the gradients of the sums and the biases."""
        kernels.add_biases_back(grads, self._y, self._grads)


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

    def forward(self, maps: Floats, _sums: Floats) -> None:
        """Pools each window."""
        if isinstance(self._layer, MaxPool):
            kernels.pool_largest(maps, self._x, self._y, self._shape, self._layer.size)
        else:
            kernels.pool_mean(maps, self._x, self._y, self._shape, self._layer.window)

    def backward(self, maps: Floats, _sums: Floats, grads: Floats) -> None:
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

    def forward(self, maps: Floats, _sums: Floats) -> None:
        """Adds the maps."""
        kernels.add_maps(maps, self._left, self._right, self._y, self._rows)

    def backward(self, maps: Floats, _sums: Floats, grads: Floats) -> None:
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

    def forward(self, maps: Floats, _sums: Floats) -> None:
        """Copies the inputs."""
        for source, target in self._ranges:
            maps[target] = maps[source]

    def backward(self, _maps: Floats, _sums: Floats, grads: Floats) -> None:
        """Adds to the gradients of the inputs."""
        for source, target in self._ranges:
            grads[source] += grads[target]


def _views(parameter: torch.Tensor) -> tuple[Floats, Floats]:
    """Returns flat views of a parameter and of its gradient, which is made if there is none."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.detach().view(-1).numpy(), parameter.grad.view(-1).numpy()
