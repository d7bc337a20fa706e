"""Gives a network the weights of a similar network that is already trained, so that it needs fewer epochs.

A child network begins as close to its parent as its layers allow. These changes keep the parent's function:

- a wider layer: the new channels begin with random weights, and the layers after them begin by ignoring them;
- a larger kernel: the new border is zero;
- a new padded convolution: it begins as the identity, which is exact after a ReLU; so does a new dense layer of at
  least as many units as it has inputs, if the features before it are averaged;
- a new skip connection around a new convolution: the batch normalisation before the addition begins at zero;
- a new branch: the layers after it begin by ignoring it;
- a flattened map in place of an averaged one: each pixel gets its share of the weight of the mean.

The other changes keep it approximately. Of a narrower layer, the channels with the smallest weights leave. A smaller
kernel loses its border. The layer after one that was removed takes over its weights, summed over its window, as if
nothing stood between them. Another resolution keeps the kernels, and the weights of a flattened map are resized.

The function is kept in evaluation mode. In training mode it is kept as far as the statistics of a batch are those that
the parent learnt (Net2Net by Chen et al., ICLR 2016, describes the idea).
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import nn

from sparse_mcu.search.data.dataset import Images
from sparse_mcu.search.network.matching import Weighted, match_layers
from sparse_mcu.search.network.module import Network
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
)


@dataclass(frozen=True, slots=True)
class _Norm:
    """The tensors of a batch normalisation, one value for each channel; all of them may be changed in place."""

    factor: torch.Tensor
    shift: torch.Tensor
    mean: torch.Tensor
    variance: torch.Tensor
    epsilon: float

    @property
    def scale(self) -> torch.Tensor:
        """Returns what each channel is multiplied by."""
        return self.factor / (self.variance + self.epsilon).sqrt()

    def take(self, giver: "_Norm", kept: list[int], sources: list[int]) -> None:
        """Gives the channels `kept` the values of the giver's channels `sources`."""
        for own, other in zip(self.tensors, giver.tensors, strict=True):
            own[kept] = other[sources]

    def keep_values(self, kept: list[int]) -> None:
        """Lets the channels `kept` pass unchanged."""
        self.factor[kept] = (self.variance[kept] + self.epsilon).sqrt()
        self.shift[kept] = self.mean[kept]

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Returns the four tensors."""
        return self.factor, self.shift, self.mean, self.variance


@dataclass(frozen=True, slots=True)
class _Origin:
    """What the channels of a tensor of the child stand for.

    Attributes:
        tensor: The name of a layer of the parent, or IMAGE. Pooling and flattening count as their input.
        mixture: float32 [channels of that layer, channels of the child's tensor]. The channels of the parent are about
            this matrix times those of the child. A column of zeros belongs to a channel that the parent does not have.
    """

    tensor: str
    mixture: torch.Tensor

    @property
    def channels(self) -> list[int]:
        """Returns the parent's channel that each channel of the child mostly stands for; -1 for a new channel."""
        strongest = self.mixture.abs().max(dim=0)
        return torch.where(strongest.values > 0, strongest.indices, -1).tolist()


def inherit(parent: Network, architecture: Architecture, images: Images, *, seed: int) -> Network:
    """Returns a network that begins with the weights of another one, as far as they go over.

    Args:
        parent: The trained network. It is not changed.
        architecture: The layers of the child. Any layers will do, but few of the parent's weights suit very different
            ones.
        images: Some training images. The statistics of new batch normalisations are measured on them.
        seed: The seed of the weights that are new.

    Returns:
        The child, in evaluation mode, on the parent's device.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        child = Network(architecture)
    device = next(parent.parameters()).device
    with torch.no_grad():
        _Heir(_Parent(parent), child.to(device).eval()).fill(torch.from_numpy(images).to(device))
    return child


class _Parent:
    """The layers and the weights of a parent.

    Args:
        network: The trained network.

    Attributes:
        layers: Its layers by name.
        stages: The modules of its layers by name.
        architecture: Its layers in order.
    """

    def __init__(self, network: Network) -> None:
        self.architecture = network.architecture
        self.layers = {layer.name: layer for layer in network.architecture.layers}
        self.stages = dict(zip(self.layers, network.stages, strict=True))
        self._order = {name: number for number, name in enumerate((IMAGE, *self.layers))}

    def root(self, name: str) -> str:
        """Returns the layer whose channels a tensor has: the nearest one before it that does not only pool."""
        while name != IMAGE and isinstance(self.layers[name], MaxPool | AveragePool | Flatten):
            name = self.layers[name].inputs[0]
        return name

    def depth(self, tensor: str) -> int:
        """Returns the number of layers before a tensor."""
        return self._order[tensor]

    def reader(self, kind: type[Layer], tensor: str) -> Layer | None:
        """Returns the first layer of a kind that reads a tensor; None if there is none."""
        readers = (each for each in self.architecture.layers if isinstance(each, kind))
        return next((each for each in readers if tensor in map(self.root, each.inputs)), None)

    def weights(self, layer: Weighted) -> torch.Tensor:
        """Returns the weights of a layer, [outputs, inputs, height, width]; a dense layer's window is its whole map."""
        weights = _linear(self.stages[layer.name]).weight.clone()
        return weights if isinstance(layer, Conv) else weights.reshape(len(weights), *_map_before(self.layers, layer))

    def reading(self, weights: torch.Tensor, name: str, tensor: str) -> torch.Tensor | None:
        """Returns about the weights with which a layer would read an earlier tensor, without what stands between.

        Args:
            weights: The weights of the layer, [outputs, inputs, height, width].
            name: The tensor that they read.
            tensor: The tensor that they shall read.

        Returns:
            The weights for the channels of `tensor`; None if the layer does not depend on it.
        """
        name = self.root(name)
        if name == tensor:
            return weights
        if self.depth(name) < self.depth(tensor):
            return None
        layer = self.layers[name]
        first = 0
        for source in layer.inputs:
            part = weights
            if isinstance(layer, Concat):
                width = layer.widths[layer.inputs.index(source)]
                part, first = weights[:, first : first + width], first + width
            elif isinstance(layer, Conv | Dense):
                part = self._through(layer, weights)
            found = self.reading(part, source, tensor)
            if found is not None:
                return found
        return None

    def _through(self, layer: Weighted, weights: torch.Tensor) -> torch.Tensor:
        """Returns the weights times those of the layer before them, whose ReLU is ignored."""
        before, norm = self.weights(layer), _norm(self.stages[layer.name])
        if norm is not None:
            before = before * norm.scale.reshape(-1, 1, 1, 1)
        if isinstance(layer, Dense):
            return torch.einsum("ou,uchw->ochw", weights.sum(dim=(2, 3)), before)
        sums = before.sum(dim=(2, 3))
        return torch.einsum("ochw,ci->oihw", weights, torch.diag(sums[:, 0]) if layer.groups > 1 else sums)


class _Heir:
    """A child that receives its weights, layer by layer.

    Args:
        parent: The giver.
        child: The network with its initial weights, which change.
    """

    def __init__(self, parent: _Parent, child: Network) -> None:
        self._parent = parent
        self._layers = {layer.name: layer for layer in child.architecture.layers}
        self._stages = dict(zip(self._layers, child.stages, strict=True))
        self._partners = match_layers(parent.architecture, child.architecture)
        self._origins: dict[str, _Origin | None] = {}

    def fill(self, images: torch.Tensor) -> None:
        """Gives every layer its weights, and measures what new batch normalisations see."""
        values = {IMAGE: images}
        self._origins[IMAGE] = _Origin(IMAGE, torch.eye(images.shape[1], device=images.device))
        for name, layer in self._layers.items():
            inputs = [values[each] for each in layer.inputs]
            self._origins[name] = self._filled(layer, inputs)
            values[name] = self._stages[name](*inputs)

    def _filled(self, layer: Layer, inputs: list[torch.Tensor]) -> _Origin | None:
        """Gives a layer its weights and returns the origin of its output."""
        origins = [self._origins[each] for each in layer.inputs]
        if isinstance(layer, Concat):
            return self._joined(layer, origins)
        if isinstance(layer, Add):
            return self._added(origins)
        if not isinstance(layer, Conv | Dense):
            return origins[0]
        old = self._partners.get(layer.name)
        if old is None or origins[0] is None:
            return self._new(layer, inputs[0], origins[0])
        if isinstance(layer, Conv) and isinstance(old, Conv) and layer.groups > 1:
            return self._kept_depthwise(layer, old, origins[0])
        return self._kept(layer, old, inputs[0], origins[0])

    def _joined(self, layer: Concat, origins: list[_Origin | None]) -> _Origin | None:
        known = [each for each in origins if each is not None]
        if not known:
            return None
        latest = max(known, key=lambda each: (self._parent.depth(each.tensor), int(each.mixture.count_nonzero())))
        old = self._parent.reader(Concat, latest.tensor)
        columns = []
        for width, origin in zip(layer.widths, origins, strict=True):
            mixture = None if origin is None else self._rows(old, origin, latest)
            columns.append(latest.mixture.new_zeros(1, width) if mixture is None else mixture)
        height = max(len(each) for each in columns)
        filled = [each if len(each) == height else each.new_zeros(height, each.shape[1]) for each in columns]
        return _Origin(latest.tensor if old is None else old.name, torch.cat(filled, dim=1))

    def _rows(self, old: Layer | None, origin: _Origin, latest: _Origin) -> torch.Tensor | None:
        """Returns the mixture of one input of a concatenation, in terms of what the concatenation stands for."""
        if not isinstance(old, Concat):
            return origin.mixture if origin is latest else None
        sources = [self._parent.root(each) for each in old.inputs]
        if origin.tensor not in sources:
            return None
        at = sources.index(origin.tensor)
        above, below = sum(old.widths[:at]), sum(old.widths[at + 1 :])
        return nn.functional.pad(origin.mixture, (0, 0, above, below))

    def _added(self, origins: list[_Origin | None]) -> _Origin | None:
        branch, skip = origins
        if branch is None:
            return skip
        old = self._parent.reader(Add, branch.tensor)
        return branch if old is None else _Origin(old.name, branch.mixture)

    def _kept_depthwise(self, layer: Conv, old: Conv, origin: _Origin) -> _Origin:
        stage, giver = self._stages[layer.name], self._parent.stages[old.name]
        weights = self._parent.weights(old)
        unit = torch.eye(len(weights), device=weights.device)[..., None, None]
        reach = self._parent.reading(unit, old.inputs[0], origin.tensor)
        mixture = origin.mixture.new_zeros(len(weights), layer.channels)
        if reach is not None:
            mixture = reach[:, :, 0, 0] @ origin.mixture
        channels = _Origin(old.name, mixture).channels
        kept = [number for number, channel in enumerate(channels) if channel >= 0]
        sources = [channels[number] for number in kept]
        _linear(stage).weight[kept] = _fitted(weights[sources], layer, old)
        norm, given = _norm(stage), _norm(giver)
        if norm is not None and given is not None:
            norm.take(given, kept, sources)
        return _Origin(old.name, _selection(len(weights), channels, mixture))

    def _kept(self, layer: Weighted, old: Weighted, values: torch.Tensor, origin: _Origin) -> _Origin | None:
        """Gives a layer the weights of its partner: first in terms of its own input, then in its own size."""
        stage, giver = self._stages[layer.name], self._parent.stages[old.name]
        weights = self._parent.reading(self._parent.weights(old), old.inputs[0], origin.tensor)
        if weights is None:
            return self._new(layer, values, None)
        wanted = _linear(stage).weight.shape[0]
        channels = self._required(layer, old) or _largest(self._strengths(old), wanted)
        kept = [number for number, channel in enumerate(channels) if channel >= 0]
        sources = [channels[number] for number in kept]
        mixed = torch.einsum("ochw,ci->oihw", weights[sources], origin.mixture)
        target = _linear(stage).weight
        if not mixed.any():
            return self._new(layer, values, None)
        target[kept] = self._sized(mixed, layer, old).reshape(len(kept), *target.shape[1:])
        norm, given = _norm(stage), _norm(giver)
        if norm is None or given is None:
            _linear(stage).get_parameter("bias")[kept] = _linear(giver).get_parameter("bias")[sources]
        else:
            new = [number for number in range(wanted) if number not in set(kept)]
            self._measure(layer, values, new)
            norm.take(given, kept, sources)
        return _Origin(old.name, _selection(len(weights), channels, weights))

    def _sized(self, weights: torch.Tensor, layer: Weighted, old: Weighted) -> torch.Tensor:
        if isinstance(layer, Conv) and isinstance(old, Conv):
            return _fitted(weights, layer, old)
        _, height, width = _map_before(self._layers, layer)
        share = prod(weights.shape[2:]) / (height * width)
        return nn.functional.adaptive_avg_pool2d(weights, (height, width)) * share

    def _strengths(self, old: Weighted) -> torch.Tensor:
        """Returns the norm of the weights of each channel of a parent's layer, after its batch normalisation."""
        norms: torch.Tensor = torch.linalg.vector_norm(self._parent.weights(old).flatten(1), dim=1)
        norm = _norm(self._parent.stages[old.name])
        return norms if norm is None else norms * norm.scale.abs()

    def _required(self, layer: Weighted, old: Weighted) -> list[int] | None:
        """Returns the channels that a layer must have, since the parent adds them too; None if it is free to choose."""
        additions = (each for each in self._layers.values() if isinstance(each, Add))
        addition = next((each for each in additions if layer.name in each.inputs), None)
        if addition is None:
            return None
        skip, sum_of_old = self._origins.get(addition.inputs[1]), self._parent.reader(Add, old.name)
        if skip is None or sum_of_old is None or skip.tensor not in map(self._parent.root, sum_of_old.inputs):
            return None
        return skip.channels

    def _new(self, layer: Weighted, values: torch.Tensor, origin: _Origin | None) -> _Origin | None:
        """Lets a new layer begin as the identity if it can, otherwise with the random weights that it has."""
        stage = self._stages[layer.name]
        norm, weights = _norm(stage), _linear(stage).weight
        is_added = isinstance(layer, Conv) and not layer.relu
        spread = values.std(dim=_all_but_channels(values))
        can_copy = isinstance(layer, Conv) or (layer.hidden and origin is not None and self._is_vector(layer, origin))
        if norm is None or is_added or origin is None or not can_copy:
            self._measure(layer, values, range(len(weights)))
            if is_added and norm is not None:
                norm.factor.zero_()
            return None
        depthwise = isinstance(layer, Conv) and layer.groups > 1
        copied = list(range(len(weights))) if depthwise else _largest(spread, len(weights))
        middle = (layer.kernel - 1) // 2 if isinstance(layer, Conv) else 0
        kept = [number for number, channel in enumerate(copied) if channel >= 0]
        for number in kept:
            weights[number] = 0
            window = weights[number, 0 if depthwise else copied[number]]
            window[(middle, middle) if isinstance(layer, Conv) else ()] = 1
        self._measure(layer, values, range(len(weights)))
        norm.keep_values(kept)
        pass_on = _selection(origin.mixture.shape[1], copied, weights)
        return _Origin(origin.tensor, origin.mixture @ pass_on)

    def _is_vector(self, layer: Dense, origin: _Origin) -> bool:
        """Returns whether a new dense layer can copy all of its inputs, and each one is a channel of the parent."""
        inputs = layer.input_shape[0]
        return layer.units >= inputs == origin.mixture.shape[1]

    def _measure(self, layer: Weighted, values: torch.Tensor, channels: range | list[int]) -> None:
        """Sets the statistics of a layer's batch normalisation in some channels to those of the values."""
        norm, chosen = _norm(self._stages[layer.name]), list(channels)
        if norm is None or not chosen:
            return
        for module in self._stages[layer.name].children():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                break
            values = module(values)
        axes = _all_but_channels(values)
        norm.mean[chosen] = values.mean(dim=axes)[chosen]
        norm.variance[chosen] = values.var(dim=axes)[chosen]


def _all_but_channels(values: torch.Tensor) -> list[int]:
    return [axis for axis in range(values.dim()) if axis != 1]


def _linear(stage: nn.Module) -> nn.Conv2d | nn.Linear:
    return next(module for module in stage.modules() if isinstance(module, nn.Conv2d | nn.Linear))


def _norm(stage: nn.Module) -> _Norm | None:
    module = next((each for each in stage.modules() if isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d)), None)
    if module is None:
        return None
    mean, variance = module.get_buffer("running_mean"), module.get_buffer("running_var")
    return _Norm(module.weight, module.bias, mean, variance, module.eps)


def _map_before(layers: dict[str, Layer], layer: Weighted) -> tuple[int, int, int]:
    """Returns (channels, height, width) of the map that a dense layer reads, before it was flattened."""
    before = layers.get(layer.inputs[0])
    shape = before.input_shape if isinstance(before, Flatten) else layer.input_shape
    channels, height, width = (*shape, 1, 1)[:3]
    return channels, height, width


def _largest(strengths: torch.Tensor, count: int) -> list[int]:
    """Returns the numbers of the `count` largest values in ascending order, filled up with -1."""
    chosen = sorted(strengths.topk(min(count, len(strengths))).indices.tolist())
    return chosen + [-1] * (count - len(chosen))


def _selection(rows: int, channels: list[int], like: torch.Tensor) -> torch.Tensor:
    """Returns a matrix of `rows` rows with a one in the row that each column names; a column for -1 is zero."""
    matrix = like.new_zeros(rows, len(channels))
    for column, row in enumerate(channels):
        if row >= 0:
            matrix[row, column] = 1
    return matrix


def _fitted(weights: torch.Tensor, layer: Conv, old: Conv) -> torch.Tensor:
    """Returns kernels in the size of a layer: with zeros around them, or without their border."""
    is_aligned = layer.output_shape[1:] == old.output_shape[1:]
    before = layer.padding[0] - old.padding[0] if is_aligned else (layer.kernel - old.kernel) // 2
    after = layer.kernel - old.kernel - before
    return nn.functional.pad(weights, (before, after, before, after))
