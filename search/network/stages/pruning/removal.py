"""Removes channels, neurons and features from a network: the rest becomes a smaller network with the same weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.stages.pruning.channels import Flags, mixes, number_channels
from sparse_mcu.search.network.stages.pruning.layers import weighted_layers
from sparse_mcu.search.space.architecture import Architecture, Conv, Dense, Layer, Select, Shape


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
    shape, inputs = architecture.task.shape, _Inputs.all(architecture.task.shape[0])
    layers: list[Layer] = []
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for index, layer in enumerate(architecture.layers):
        outputs = kept.channels[numbers.outputs[layer.name]]
        layers.append(_resized(layer, shape, outputs, inputs.present))
        parts[layer.name] = _part(layer, network.stages[index], outputs, inputs)
        shape, inputs = layers[-1].output_shape, _Inputs(outputs, outputs & kept.features.get(layer.name, True))
        if inputs.are_worth_a_list(_units(architecture.layers[index + 1 :])):
            indices = tuple(map(int, np.flatnonzero(inputs.used[inputs.present])))
            layers.append(Select(name=f"{layer.name}_kept", input_shape=shape, indices=indices))
            shape, inputs = layers[-1].output_shape, _Inputs(inputs.used, inputs.used)
    smaller = Network(Architecture(architecture.task, tuple(layers))).eval()
    for layer, stage in zip(layers, smaller.stages, strict=True):
        stage.load_state_dict(parts.get(layer.name, {}))
    return smaller


@dataclass(frozen=True, slots=True, eq=False)
class _Inputs:
    """Which of a layer's former inputs are present, and which of those keep their weights."""

    present: Flags
    used: Flags

    @classmethod
    def all(cls, count: int) -> "_Inputs":
        return cls(np.ones(count, np.bool_), np.ones(count, np.bool_))

    def are_worth_a_list(self, units: int) -> bool:
        """Returns whether one byte for each used input is less than the weights of the unused ones."""
        return int((self.present & ~self.used).sum()) * units > int(self.used.sum())


def _units(layers: Sequence[Layer]) -> int:
    """Returns the units of the dense layer that reads a flattened map; 0 if none does."""
    return layers[0].units if layers and isinstance(layers[0], Dense) else 0


def _resized(layer: Layer, shape: Shape, outputs: Flags, inputs: Flags) -> Layer:
    """Returns a layer for the inputs and outputs that stay; `shape` is that of the inputs."""
    layer, count = replace(layer, input_shape=shape), int(outputs.sum())
    if isinstance(layer, Conv):
        return replace(layer, channels=count, groups=layer.groups if mixes(layer) else count)
    if isinstance(layer, Select):
        places = (np.cumsum(inputs) - 1)[list(layer.indices)][outputs]
        return replace(layer, indices=tuple(map(int, places)))
    return replace(layer, units=count) if isinstance(layer, Dense) else layer


def _part(layer: Layer, stage: nn.Module, outputs: Flags, inputs: _Inputs) -> dict[str, torch.Tensor]:
    """Returns the weights, biases and statistics of a stage for the outputs and inputs that stay."""
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
