"""Computes the gradients of small networks by compiled loops, several times faster than torch on one core."""

from collections.abc import Iterator
from math import prod

import numpy as np
import torch
from torch import nn

from sparse_mcu.search.network.compiled import kernels
from sparse_mcu.search.network.compiled.steps import (
    Added,
    Biased,
    Joined,
    Norm,
    Normalised,
    Pooled,
    Products,
    Step,
    Sums,
)
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.space.architecture import IMAGE, Add, AveragePool, Concat, Conv, Dense, Flatten, MaxPool, Shape


class CompiledNetwork:
    """Computes the gradients of a network by compiled loops.

    torch takes about as long to begin an operation on a small map as to do it. The loops begin at once. They read and
    write the parameters, the gradients and the statistics of the torch network in place.

    Args:
        network: A network on the CPU with contiguous parameters. Its gradients are overwritten in place.
        images: The number of images of a batch.
    """

    def __init__(self, network: Network, images: int) -> None:
        self._pixels = prod(network.architecture.task.shape)
        self._classes = network.architecture.task.classes
        self._rows = self._pixels
        self._sizes, self._constants = {0: self._pixels}, {0}
        planned = list(self._planned(network))
        self._steps = [step for step, _ in planned]
        self._backwards = list(self._reversed(planned))
        self._maps, self._sums, self._grads = np.empty((3, self._rows, images), np.float32)

    def gradients(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Replaces the gradients of all parameters by those of the mean cross entropy, and updates the statistics.

        Args:
            images: float32 [images, channels, height, width].
            labels: int64 [images].
        """
        self._maps[: self._pixels] = images.reshape(len(images), self._pixels).T.numpy()
        for step in self._steps:
            step.forward(self._maps, self._sums)
        logits = self._rows - self._classes
        kernels.cross_entropy_back(self._maps, self._grads, logits, self._classes, labels.numpy())
        for step, unwritten in self._backwards:
            for rows in unwritten:
                self._grads[rows] = 0
            step.backward(self._maps, self._sums, self._grads)

    def _planned(self, network: Network) -> Iterator[tuple[Step, list[int]]]:
        """Yields the steps forwards, each with the first rows of the maps whose gradients its backward adds to."""
        places, constants = {IMAGE: 0}, self._constants
        for layer, stage in zip(network.architecture.layers, network.stages, strict=True):
            inputs = [places[name] for name in layer.inputs]
            if isinstance(layer, Flatten):
                places[layer.name] = inputs[0]
                continue
            places[layer.name] = output = self._place(layer.output_shape)
            if isinstance(layer, Conv | Dense):
                linear = next(each for each in stage.modules() if isinstance(each, nn.Conv2d | nn.Linear))
                norm = next((each for each in stage.modules() if isinstance(each, Norm)), None)
                wanted = [place for place in inputs if place not in constants]
                kind = Products if Products.suit(layer) else Sums
                yield kind(layer, linear, inputs[0], output, wants_input=bool(wanted)), wanted
                if norm is None:
                    yield Biased(linear, output), []
                else:
                    relu = isinstance(layer, Dense) or layer.relu
                    yield Normalised(norm, output, prod(layer.output_shape[1:]), relu=relu), []
            elif isinstance(layer, MaxPool | AveragePool):
                yield Pooled(layer, inputs[0], output), inputs
                if inputs[0] in constants:
                    constants.add(output)
            elif isinstance(layer, Add):
                yield Added(inputs[0], inputs[1], output, prod(layer.output_shape)), inputs
            elif isinstance(layer, Concat):
                yield Joined(layer, inputs, output), inputs
            else:
                raise TypeError(f"no compiled step for {type(layer).__name__}")

    def _reversed(self, planned: list[tuple[Step, list[int]]]) -> Iterator[tuple[Step, list[slice]]]:
        """Yields the steps backwards, each with the rows of gradients that nobody has written before it.

        The pools of the image are left out, since nobody wants the gradient of the image.
        """
        written: set[int] = set()
        for step, places in reversed(planned):
            if isinstance(step, Pooled) and places[0] in self._constants:
                continue
            yield step, [slice(place, place + self._sizes[place]) for place in places if place not in written]
            written.update(places)

    def _place(self, shape: Shape) -> int:
        """Returns the first row of a new map."""
        first, self._rows = self._rows, self._rows + prod(shape)
        self._sizes[first] = prod(shape)
        return first
