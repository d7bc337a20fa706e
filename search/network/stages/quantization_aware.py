"""Continues the training of a quantised network, so that its weights allow for their own rounding.

The forward pass rounds weights, biases and activations to what int8 can hold, as the exported network does. The
backward pass takes the rounding for the identity (the straight-through estimator of Bengio et al., 2013; Jacob et al.,
CVPR 2018). The ranges of the activations stay those of the calibration. The batch normalisations are folded into the
weights first, so their statistics stay too. Weights that are zero, as pruning leaves them, stay zero.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import nn

from sparse_mcu.costmodel.graph.tensor import Quantization
from sparse_mcu.search.data.dataset import Split
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import EpochCallback, batches_of, deterministic_torch, steps_of
from sparse_mcu.search.network.stages.quantization import (
    FoldedLayer,
    QuantizedNetwork,
    QuantizedWeights,
    fold,
    quantize_weights,
)
from sparse_mcu.search.space.architecture import IMAGE, Conv, Dense, Flatten


@dataclass(slots=True, eq=False)
class _Trained:
    """The folded weights of a layer while they are trained.

    Attributes:
        weights: The weights, as in `FoldedLayer`.
        bias: The bias.
        mask: 1 for the weights that are trained, 0 for those that stay zero.
        input_scale: The scale of the layer's input.
    """

    weights: nn.Parameter
    bias: nn.Parameter
    mask: torch.Tensor
    input_scale: float

    @classmethod
    def of(cls, folded: FoldedLayer, input_scale: float) -> Self:
        """Returns the state before the first step."""
        weights, bias = torch.from_numpy(folded.weights).clone(), torch.from_numpy(folded.bias).clone()
        return cls(nn.Parameter(weights), nn.Parameter(bias), (weights != 0).float(), input_scale)

    def quantized(self) -> QuantizedWeights:
        """Returns the weights and the bias as the export rounds them."""
        weights = (self.weights * self.mask).detach().numpy()
        return quantize_weights(FoldedLayer(weights, self.bias.detach().numpy()), self.input_scale)

    def rounded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the same values as floats, whose gradients pass the rounding unchanged."""
        held = self.quantized()
        scales = torch.from_numpy(held.scales).reshape(-1, *[1] * (self.weights.dim() - 1))
        weights = torch.from_numpy(held.values).float() * scales
        bias = torch.from_numpy(held.bias).float() * torch.from_numpy(held.bias_scales)
        masked = self.weights * self.mask
        return masked + (weights - masked).detach(), self.bias + (bias - self.bias).detach()


class RoundingNetwork:
    """A network that computes with rounded values, for its gradients.

    Args:
        network: The trained network, in evaluation mode, on the CPU. It is not changed.
        quantized: Its quantisation, whose activation ranges are used.
    """

    def __init__(self, network: Network, quantized: QuantizedNetwork) -> None:
        self._stages, self._quantized = network.stages, quantized
        ranges = {IMAGE: quantized.input, **{each.layer.name: each.output for each in quantized.layers}}
        folded = fold(network)
        scales = {each.layer.name: ranges[each.layer.inputs[0]].scale for each in quantized.layers}
        self._trained = {name: _Trained.of(layer, scales[name]) for name, layer in folded.items()}

    def parameters(self) -> list[nn.Parameter]:
        """Returns the folded weights and biases, which training changes."""
        return [each for layer in self._trained.values() for each in (layer.weights, layer.bias)]

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Returns the rounded logits [n, classes] of images [n, channels, height, width]."""
        values = {IMAGE: _rounded(images, self._quantized.input)}
        for each, stage in zip(self._quantized.layers, self._stages, strict=True):
            layer, inputs = each.layer, [values[name] for name in each.layer.inputs]
            if isinstance(layer, Conv | Dense):
                output = _weighted(layer, inputs[0], *self._trained[layer.name].rounded())
            else:
                output = stage(*inputs)
            values[layer.name] = output if isinstance(layer, Flatten) else _rounded(output, each.output)
        return values[self._quantized.layers[-1].layer.name]

    def exported(self) -> QuantizedNetwork:
        """Returns the network with the trained weights, rounded as the export of any network rounds them."""
        layers = tuple(
            replace(each, weights=self._trained[each.layer.name].quantized()) if each.weights is not None else each
            for each in self._quantized.layers
        )
        return replace(self._quantized, layers=layers)


def fine_tune(
    network: Network,
    quantized: QuantizedNetwork,
    data: Split,
    recipe: Recipe,
    *,
    seed: int,
    epochs: int = 3,
    learning_rate: float = 1e-3,
    on_epoch: EpochCallback | None = None,
) -> QuantizedNetwork:
    """Trains a quantised network for some epochs at a low rate, which falls to zero along half a cosine.

    Args:
        network: The trained network, in evaluation mode, on the CPU. It is not changed.
        quantized: What `quantize` made of it. The quantisation of each tensor stays.
        data: The training images and their labels.
        recipe: The batch size, the augmentation and the threads. Its epochs, rate and weight decay have no effect.
        seed: The seed of the order of the images and of their augmentation.
        epochs: The number of passes over the training images.
        learning_rate: The learning rate of Adam at the beginning.
        on_epoch: Called after each epoch with the number of epochs done and the number of all epochs.

    Returns:
        The network with new weights and biases, ready for `write_onnx`.
    """
    rounding, generator = RoundingNetwork(network, quantized), torch.Generator().manual_seed(seed)
    images, labels = torch.from_numpy(data.images), torch.from_numpy(data.labels)
    optimiser = torch.optim.Adam(rounding.parameters(), learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimiser, max(epochs * steps_of(len(data.labels), recipe), 1)
    )
    with deterministic_torch(recipe.threads):
        for epoch in range(epochs):
            for shown, classes in batches_of(images, labels, network, recipe, generator):
                optimiser.zero_grad()
                nn.functional.cross_entropy(rounding.logits(shown), classes).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
            if on_epoch is not None:
                on_epoch(epoch + 1, epochs)
    return rounding.exported()


def _weighted(layer: Conv | Dense, values: torch.Tensor, weights: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    if isinstance(layer, Dense):
        sums = nn.functional.linear(values, weights, bias)
        return torch.relu(sums) if layer.hidden else sums
    before, after = layer.padding
    padded = nn.functional.pad(values, (before, after, before, after))
    sums = nn.functional.conv2d(padded, weights, bias, layer.stride, groups=layer.groups)
    return torch.relu(sums) if layer.relu else sums


def _rounded(values: torch.Tensor, held: Quantization) -> torch.Tensor:
    """Returns the values that int8 holds nearest to some values. The gradient is zero outside of the range."""
    low, high = (-128 - held.zero_point) * held.scale, (127 - held.zero_point) * held.scale
    clipped = values.clamp(low, high)
    levels = (torch.round(values / held.scale) + held.zero_point).clamp(-128, 127)
    return clipped + ((levels - held.zero_point) * held.scale - clipped).detach()
