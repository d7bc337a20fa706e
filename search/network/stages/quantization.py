"""From a trained network to int8: batch normalisation folded, activations calibrated, weights per channel.

Weights are symmetric int8 with a scale per output channel, activations asymmetric int8 with one scale,
biases int32 in units of scale_in * scale_w (Jacob et al., CVPR 2018; ONNX Runtime's QDQ convention).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from sparse_mcu.costmodel.graph.tensor import Quantization
from sparse_mcu.search.data.dataset import Images
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.space.architecture import Architecture, Conv, Dense, Flatten, Layer, MaxPool

FloatArray = npt.NDArray[np.float32]

_WEIGHT_LIMIT = 127
_BIAS_LIMIT = 2**24  # leaves room below 2**31 for the sum of products and the rescaling's left shift
_CLIP_RATIOS = tuple(step / 20 for step in range(20, 5, -1))


@dataclass(frozen=True, slots=True, eq=False)
class FoldedLayer:
    """A convolution or dense layer without batch normalisation.

    Attributes:
        weights: float32 [channels, inputs / groups, kernel, kernel] or [units, inputs].
        bias: float32 [channels].
    """

    weights: FloatArray
    bias: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedWeights:
    """The constants of a convolution or dense layer.

    Attributes:
        values: int8, shaped as in `FoldedLayer`, between -127 and 127.
        scales: float32 [channels].
        bias: int32 [channels].
        bias_scales: float32 [channels], the input's scale times `scales`.
    """

    values: npt.NDArray[np.int8]
    scales: FloatArray
    bias: npt.NDArray[np.int32]
    bias_scales: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedLayer:
    """A layer with its constants and the quantisation of its output."""

    layer: Layer
    weights: QuantizedWeights | None
    output: Quantization


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedNetwork:
    """Everything that the exported file says."""

    architecture: Architecture
    input: Quantization
    layers: tuple[QuantizedLayer, ...]


def fold(network: Network) -> dict[str, FoldedLayer]:
    """Fold each batch normalisation into the layer before it: w * gamma / sigma, beta - mean * gamma / sigma.

    Returns:
        By name, the layers that have weights.
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
    """The float output of every layer, in order, for a batch of images."""
    outputs: list[FloatArray] = []
    values = torch.from_numpy(images)
    with torch.no_grad():
        for stage in network.stages:
            values = stage(values)
            outputs.append(values.numpy())
    return outputs


def quantize(network: Network, images: Images) -> QuantizedNetwork:
    """Quantise a trained network.

    Args:
        network: In evaluation mode.
        images: Training images to calibrate on.
    """
    folded = fold(network)
    first = current = full_range(images)
    layers: list[QuantizedLayer] = []
    for layer, values in zip(network.architecture.layers, activations(network, images), strict=True):
        weights = quantize_weights(folded[layer.name], current.scale) if layer.name in folded else None
        current = _output_quantization(layer, values, current)
        layers.append(QuantizedLayer(layer, weights, current))
    return QuantizedNetwork(network.architecture, first, tuple(layers))


def _output_quantization(layer: Layer, values: FloatArray, before: Quantization) -> Quantization:
    if isinstance(layer, MaxPool | Flatten):
        return before
    is_logits = isinstance(layer, Dense) and not layer.hidden
    return full_range(values) if is_logits else least_error_range(values)


def full_range(values: FloatArray) -> Quantization:
    """The quantisation whose range just holds all values and zero."""
    return _quantization(float(values.min()), float(values.max()))


def least_error_range(values: FloatArray) -> Quantization:
    """The quantisation of least mean squared error among ranges that clip more and more outliers."""
    low, high = float(values.min()), float(values.max())
    candidates = [_quantization(low * ratio, high * ratio) for ratio in _CLIP_RATIOS]
    return min(candidates, key=lambda candidate: _squared_error(values, candidate))


def _squared_error(values: FloatArray, quantization: Quantization) -> float:
    levels = np.clip(np.rint(values / quantization.scale) + quantization.zero_point, -128, 127)
    restored = (levels - quantization.zero_point) * quantization.scale
    return float(np.mean((values - restored) ** 2))


def _quantization(low: float, high: float) -> Quantization:
    """Asymmetric int8 for [low, high], stretched to hold zero exactly; the scale is a float32."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / 255)) or 1.0
    return Quantization(scale, int(np.clip(np.rint(-128 - low / scale), -128, 127)))


def quantize_weights(folded: FoldedLayer, input_scale: float) -> QuantizedWeights:
    """Symmetric int8 per output channel.

    A channel's scale is also large enough to hold its bias: one that training has switched off
    has tiny weights and a bias that would otherwise leave 32 bits.
    """
    rows = np.abs(folded.weights.reshape(len(folded.weights), -1)).max(axis=1).astype(np.float64)
    scales = np.maximum(rows / _WEIGHT_LIMIT, np.abs(folded.bias) / (input_scale * _BIAS_LIMIT)).astype(np.float32)
    scales[scales == 0] = 1.0
    shape = (-1, *[1] * (folded.weights.ndim - 1))
    values = np.clip(np.rint(folded.weights / scales.reshape(shape)), -_WEIGHT_LIMIT, _WEIGHT_LIMIT)
    bias_scales = (np.float32(input_scale) * scales).astype(np.float32)
    bias = np.rint(folded.bias.astype(np.float64) / bias_scales)
    return QuantizedWeights(values.astype(np.int8), scales, bias.astype(np.int32), bias_scales)
