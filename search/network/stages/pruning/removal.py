"""Removes channels, neurons and features from a network: the rest becomes a smaller network with the same weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.stages.pruning.channels import Flags, mixes, number_channels
from sparse_mcu.search.network.stages.pruning.layers import weighted_layers
from sparse_mcu.search.space.architecture import IMAGE, Architecture, Concat, Conv, Dense, Layer, Select, Shape


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What stays in a network.

    Attributes:
        channels: Whether each channel stays, by its number.
        features: Whether each feature of a flattened map stays, by the name of the flattening layer. A layer that is
            not named keeps the features of all channels that stay.
    """

    channels: Flags
    features: Mapping[str, Flags] = field(default_factory=dict)


def remove(network: Network, kept: Kept) -> Network:
    """Returns a smaller network of the channels and features that stay.

    Features leave a flattened map by a `Select`, where its list of indices takes fewer bytes than the weights that it
    saves. Elsewhere these weights become zero.

    Args:
        network: The network, in evaluation mode. It is not changed.
        kept: What stays. At least one output of each layer must.
    """
    architecture, numbers = network.architecture, number_channels(network.architecture)
    left = {IMAGE: _Left.all(IMAGE, architecture.task.shape)}
    layers: list[Layer] = []
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for layer, stage in zip(architecture.layers, network.stages, strict=True):
        read, outputs = [left[name] for name in layer.inputs], kept.channels[numbers.outputs[layer.name]]
        layers.append(_resized(layer, read, outputs))
        parts[layer.name] = _part(layer, stage, outputs, read[0])
        used = outputs & kept.features.get(layer.name, True)
        left[layer.name] = _Left(layer.name, layers[-1].output_shape, outputs, used)
        if left[layer.name].is_worth_a_list(_units(architecture, layer.name)):
            layers.append(left[layer.name].listed())
            left[layer.name] = _Left(layers[-1].name, layers[-1].output_shape, used, used)
    smaller = Network(Architecture(architecture.task, tuple(layers))).eval()
    for layer, stage in zip(layers, smaller.stages, strict=True):
        stage.load_state_dict(parts.get(layer.name, {}))
    return smaller


@dataclass(frozen=True, slots=True, eq=False)
class _Left:
    """What is left of the output of a layer.

    Attributes:
        name: The layer that gives it now.
        shape: Its shape.
        present: Which of the former channels or features it has.
        used: Which of these keep their weights.
    """

    name: str
    shape: Shape
    present: Flags
    used: Flags

    @classmethod
    def all(cls, name: str, shape: Shape) -> "_Left":
        """Returns an output that has all of its channels."""
        return cls(name, shape, np.ones(shape[0], np.bool_), np.ones(shape[0], np.bool_))

    def is_worth_a_list(self, units: int) -> bool:
        """Returns whether one byte for each used feature is less than the weights of the unused ones."""
        return int((self.present & ~self.used).sum()) * units > int(self.used.sum())

    def listed(self) -> Select:
        """Returns the layer that takes the used features."""
        indices = tuple(map(int, np.flatnonzero(self.used[self.present])))
        return Select(name=f"{self.name}_kept", inputs=(self.name,), input_shape=self.shape, indices=indices)


def _units(architecture: Architecture, name: str) -> int:
    """Returns the units of the dense layers that read a layer."""
    return sum(layer.units for layer in architecture.layers if isinstance(layer, Dense) and name in layer.inputs)


def _resized(layer: Layer, read: Sequence[_Left], outputs: Flags) -> Layer:
    """Returns a layer for the inputs and outputs that are left."""
    layer = replace(layer, inputs=tuple(each.name for each in read), input_shape=read[0].shape)
    count = int(outputs.sum())
    if isinstance(layer, Conv):
        return replace(layer, channels=count, groups=layer.groups if mixes(layer) else count)
    if isinstance(layer, Concat):
        return replace(layer, widths=tuple(each.shape[0] for each in read))
    if isinstance(layer, Select):
        places = (np.cumsum(read[0].present) - 1)[list(layer.indices)][outputs]
        return replace(layer, indices=tuple(map(int, places)))
    return replace(layer, units=count) if isinstance(layer, Dense) else layer


def _part(layer: Layer, stage: nn.Module, outputs: Flags, inputs: _Left) -> dict[str, torch.Tensor]:
    """Returns the weights, biases and statistics of a stage for the outputs and inputs that are left."""
    part: dict[str, torch.Tensor] = {}
    for name, values in stage.state_dict().items():
        kept = values[torch.from_numpy(outputs)] if values.dim() else values
        if mixes(layer) and values.dim() > 1:
            columns = torch.from_numpy(inputs.used).to(values.dtype).reshape(1, -1, *[1] * (values.dim() - 2))
            kept = (kept * columns)[:, torch.from_numpy(inputs.present)]
        part[name] = kept
    return part


def without_unused(network: Network) -> Network:
    """Returns the network without the channels and neurons that no later weight uses. Its outputs are the same."""
    return remove(network, Kept(used_channels(network)))


def used_channels(network: Network) -> Flags:
    """Returns of each channel, by its number, whether some weight that is not zero uses it, or it must stay.

    Of a layer whose outputs are all unused, the first one counts as used.
    """
    numbers = number_channels(network.architecture)
    used, weighted = numbers.fixed.copy(), weighted_layers(network)
    for layer in reversed(network.architecture.layers):
        if mixes(layer):
            outputs = used[numbers.outputs[layer.name]]
            outputs[0] |= not outputs.any()
            used[numbers.outputs[layer.name]] = outputs
            weights = weighted[layer.name].weight.detach().cpu().numpy()[outputs]
            columns = (weights != 0).any(axis=(0, *range(2, weights.ndim)))
            used[numbers.inputs[layer.name][columns]] = True
    return used
