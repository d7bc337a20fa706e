"""Quantises a trained network to int8.

A batch normalisation is folded into the layer before it. Weights become symmetric int8 with one scale for each output
channel. Activations become asymmetric int8 with one scale and one zero point for each tensor, which are calibrated on
training images. A bias becomes int32 in units of scale_in * scale_w (Jacob et al., CVPR 2018; ONNX Runtime's QDQ
convention).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from sparse_mcu.costmodel.graph.tensor import Quantization
from sparse_mcu.search.data.dataset import Images
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.space.architecture import (
    IMAGE,
    Architecture,
    Concat,
    Conv,
    Dense,
    Flatten,
    Layer,
    MaxPool,
    Select,
)

FloatArray = npt.NDArray[np.float32]

_WEIGHT_LIMIT = 127
_MOVING = MaxPool | Flatten | Concat | Select  # their outputs are some of the values of their inputs
_BIAS_LIMIT = 2**24  # below 2**31, so that the sum of products and the left shift of the rescaling have room
_CLIP_RATIOS = tuple(step / 20 for step in range(20, 5, -1))


@dataclass(frozen=True, slots=True, eq=False)
class FoldedLayer:
    """The weights of a convolution or dense layer after its batch normalisation was folded in.

    Attributes:
        weights: float32 [channels, inputs / groups, kernel, kernel] or [units, inputs].
        bias: float32 [channels].
    """

    weights: FloatArray
    bias: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedWeights:
    """The quantised weights and bias of a convolution or dense layer.

    Attributes:
        values: int8 in the shape of `FoldedLayer.weights`, between -127 and 127.
        scales: float32 [channels].
        bias: int32 [channels].
        bias_scales: float32 [channels]; the scale of the input times `scales`.
    """

    values: npt.NDArray[np.int8]
    scales: FloatArray
    bias: npt.NDArray[np.int32]
    bias_scales: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedLayer:
    """A layer, its quantised weights if it has any, and the quantisation of its output."""

    layer: Layer
    weights: QuantizedWeights | None
    output: Quantization


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedNetwork:
    """All that `write_onnx` needs: the layers, their constants and the quantisation of each tensor."""

    architecture: Architecture
    input: Quantization
    layers: tuple[QuantizedLayer, ...]


def fold(network: Network) -> dict[str, FoldedLayer]:
    """Folds each batch normalisation into the layer before it.

    With factor = gamma / sqrt(variance + epsilon), the weights become w * factor, and the bias becomes
    beta + (bias - mean) * factor.

    Returns:
        The layers that have weights, by name.
    """
    stages = zip(network.architecture.layers, network.stages, strict=True)
    return {layer.name: _fold_stage(stage) for layer, stage in stages if isinstance(layer, Conv | Dense)}


def _fold_stage(stage: nn.Module) -> FoldedLayer:
    modules = list(stage.modules())
    linear = next(m for m in modules if isinstance(m, nn.Conv2d | nn.Linear))
    norm = next((m for m in modules if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d)), None)
    weights = linear.weight.detach().double()
    bias = torch.zeros(len(weights)).double() if linear.bias is None else linear.bias.detach().double()
    if norm is not None and norm.running_mean is not None and norm.running_var is not None:
        factor = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
        weights = weights * factor.reshape(-1, *[1] * (weights.dim() - 1))
        bias = norm.bias.detach().double() + (bias - norm.running_mean.double()) * factor
    return FoldedLayer(weights.float().numpy(), bias.float().numpy())


def activations(network: Network, images: Images) -> list[FloatArray]:
    """Returns the float output of every layer, in order, for a batch of images."""
    with torch.no_grad():
        return [values.numpy() for values in network.outputs(torch.from_numpy(images))]


def quantize(network: Network, images: Images) -> QuantizedNetwork:
    """Quantises a trained network.

    The input and the logits get the full range of their values. Max pooling and flattening keep the quantisation of
    their input. A concatenation and all of its inputs share one quantisation, so that it only moves bytes, and the
    memory planner can leave it out. All other tensors get the range with the least squared error.

    Args:
        network: The network, in evaluation mode.
        images: The training images to calibrate on.
    """
    return quantized_network(network.architecture, fold(network), images, activations(network, images))


def quantized_network(
    architecture: Architecture, folded: Mapping[str, FoldedLayer], images: FloatArray, outputs: Iterable[FloatArray]
) -> QuantizedNetwork:
    """Quantises the weights of a network, and its tensors by values that they take, as `quantize` says.

    Args:
        architecture: The layers.
        folded: The layers that have weights, by name.
        images: Values of the input.
        outputs: Values of the output of each layer, in order.
    """
    named = dict(zip((layer.name for layer in architecture.layers), outputs, strict=True))
    quantizations = _quantizations(architecture, {IMAGE: images, **named})
    layers = []
    for layer in architecture.layers:
        scale = quantizations[layer.inputs[0]].scale
        weights = quantize_weights(folded[layer.name], scale) if layer.name in folded else None
        layers.append(QuantizedLayer(layer, weights, quantizations[layer.name]))
    return QuantizedNetwork(architecture, quantizations[IMAGE], tuple(layers))


def _quantizations(architecture: Architecture, values: Mapping[str, FloatArray]) -> dict[str, Quantization]:
    """Returns the quantisation of the image and of each layer's output, from their float values by name.

    Tensors that share a quantisation form a group. The range of a group is that of all values which its layers compute,
    and not only move.
    """
    leader = {name: name for name in values}
    for layer in architecture.layers:
        if isinstance(layer, _MOVING):
            together = {leader[name] for name in (layer.name, *layer.inputs)}
            leader = {name: min(together) if each in together else each for name, each in leader.items()}
    moved = {layer.name for layer in architecture.layers if isinstance(layer, _MOVING)}
    found = {}
    for each in set(leader.values()):
        members = [name for name in values if leader[name] == each and name not in moved]
        parts = [values[name] for name in members]
        whole = parts[0] if len(parts) == 1 else np.concatenate([part.ravel() for part in parts])
        is_full = IMAGE in members or architecture.layers[-1].name in members
        found[each] = full_range(whole) if is_full else least_error_range(whole)
    return {name: found[each] for name, each in leader.items()}


def full_range(values: FloatArray) -> Quantization:
    """Returns the quantisation of the smallest range that holds all values and zero."""
    return _quantization(float(values.min()), float(values.max()))


def least_error_range(values: FloatArray) -> Quantization:
    """Returns the quantisation with the least mean squared error among 15 ranges.

    The ranges are the full range times 1.00, 0.95, 0.90, ... 0.30. A smaller range clips the largest values, but has a
    smaller scale, so all other values are rounded less.

    Example: take 100,000 values spread evenly over [0, 1], and one value of 1.275. The full range has the scale
    1.275 / 255 = 0.005 and a mean squared error of about 0.005**2 / 12 = 2.08e-6. Times 0.90 the scale is 0.0045. The
    even values then have 0.0045**2 / 12 = 1.69e-6, and clipping 1.275 to 1.1475 adds 0.1275**2 / 100,001 = 0.16e-6.
    That makes 1.85e-6. At 0.85 it would be 1.51e-6 + 0.37e-6 = 1.87e-6. So 0.90 is chosen.
    """
    low, high = float(values.min()), float(values.max())
    candidates = [_quantization(low * ratio, high * ratio) for ratio in _CLIP_RATIOS]
    return min(candidates, key=lambda candidate: _squared_error(values, candidate))


def _squared_error(values: FloatArray, quantization: Quantization) -> float:
    levels = np.clip(np.rint(values / quantization.scale) + quantization.zero_point, -128, 127)
    restored = (levels - quantization.zero_point) * quantization.scale
    return float(np.mean((values - restored) ** 2))


def _quantization(low: float, high: float) -> Quantization:
    """Returns the asymmetric int8 quantisation of [low, high], widened to hold zero. Its scale is a float32 number."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / 255)) or 1.0
    return Quantization(scale, int(np.clip(np.rint(-128 - low / scale), -128, 127)))


def quantize_weights(folded: FoldedLayer, input_scale: float) -> QuantizedWeights:
    """Quantises weights to symmetric int8 with one scale for each output channel, and the bias to int32.

    The scale of a channel is the larger of two: the one at which its largest weight becomes 127, and the one at which
    its bias becomes 2**24. The second matters for channels that training has switched off. Their weights are tiny, so
    their bias would not fit into 32 bits otherwise.

    Example: a channel with the weights (0.5, -1.27), the bias 0.3 and an input scale of 0.1 gets the scale
    1.27 / 127 = 0.01. Its weights become (50, -127). Its bias becomes 0.3 / (0.1 * 0.01) = 300.

    Args:
        folded: The weights and the bias of a layer.
        input_scale: The scale of the layer's input.
    """
    rows = np.abs(folded.weights.reshape(len(folded.weights), -1)).max(axis=1).astype(np.float64)
    scales = np.maximum(rows / _WEIGHT_LIMIT, np.abs(folded.bias) / (input_scale * _BIAS_LIMIT)).astype(np.float32)
    scales[scales.astype(np.float64) * input_scale < np.finfo(np.float32).tiny] = 1.0  # nothing that a float can scale
    shape = (-1, *[1] * (folded.weights.ndim - 1))
    values = np.clip(np.rint(folded.weights / scales.reshape(shape)), -_WEIGHT_LIMIT, _WEIGHT_LIMIT)
    bias_scales = (np.float32(input_scale) * scales).astype(np.float32)
    bias = np.rint(folded.bias.astype(np.float64) / bias_scales)
    return QuantizedWeights(values.astype(np.int8), scales, bias.astype(np.int32), bias_scales)
