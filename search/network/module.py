"""Builds a torch module from an architecture, with one stage for each layer."""

from collections.abc import Sequence
from functools import singledispatch

import torch
from torch import nn

from sparse_mcu.search.space.architecture import (
    IMAGE,
    Add,
    Architecture,
    AveragePool,
    Concat,
    Conv,
    Dense,
    Flatten,
    Layer,
    MaxPool,
    Select,
)


class Network(nn.Module):
    """A network that torch can train.

    Args:
        architecture: The layers to build.

    Attributes:
        architecture: The layers that were built.
        stages: One module for each layer, in the same order.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.stages = nn.ModuleList(build_stage(layer) for layer in architecture.layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns the logits [n, classes] of images [n, channels, height, width]."""
        return self.outputs(images)[-1]

    def outputs(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Returns the output of every layer, in their order, for images [n, channels, height, width]."""
        values = {IMAGE: images}
        for layer, stage in zip(self.architecture.layers, self.stages, strict=True):
            values[layer.name] = stage(*(values[name] for name in layer.inputs))
        return [values[layer.name] for layer in self.architecture.layers]


class Sum(nn.Module):
    """Adds feature maps of one shape and applies a ReLU."""

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """Returns relu(left + right)."""
        return torch.relu(left + right)


class Join(nn.Module):
    """Joins the channels of feature maps."""

    def forward(self, *maps: torch.Tensor) -> torch.Tensor:
        """Returns all channels of maps [n, channels, height, width], in their order."""
        return torch.cat(maps, dim=1)


@singledispatch
def build_stage(layer: Layer) -> nn.Module:
    """Returns the torch module of a layer. A new kind of layer registers its own function."""
    raise TypeError(f"no torch module for {type(layer).__name__}")


@build_stage.register
def _(layer: Conv) -> nn.Module:
    before, after = layer.padding
    return nn.Sequential(
        nn.ZeroPad2d((before, after, before, after)),
        nn.Conv2d(layer.input_shape[0], layer.channels, layer.kernel, layer.stride, groups=layer.groups, bias=False),
        nn.BatchNorm2d(layer.channels),
        nn.ReLU() if layer.relu else nn.Identity(),
    )


@build_stage.register
def _(_layer: Add) -> nn.Module:
    return Sum()


@build_stage.register
def _(_layer: Concat) -> nn.Module:
    return Join()


@build_stage.register
def _(layer: Dense) -> nn.Module:
    if not layer.hidden:
        return nn.Linear(layer.input_shape[0], layer.units)
    return nn.Sequential(
        nn.Linear(layer.input_shape[0], layer.units, bias=False), nn.BatchNorm1d(layer.units), nn.ReLU()
    )


@build_stage.register
def _(layer: MaxPool) -> nn.Module:
    return nn.MaxPool2d(layer.size)


@build_stage.register
def _(layer: AveragePool) -> nn.Module:
    return nn.AvgPool2d(layer.window)


class Selection(nn.Module):
    """Takes some features of each vector.

    Args:
        indices: The places of the features, ascending.
    """

    indices: torch.Tensor

    def __init__(self, indices: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("indices", torch.tensor(indices), persistent=False)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Returns the features [n, indices] of vectors [n, features]."""
        return vectors[:, self.indices]


@build_stage.register
def _(layer: Select) -> nn.Module:
    return Selection(layer.indices)


@build_stage.register
def _(_layer: Flatten) -> nn.Module:
    return nn.Flatten()
