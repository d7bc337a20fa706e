"""Makes an int8 network of an architecture without training it, to find out what it costs.

The memory plan and the sizes of dense weights follow from the shapes of the layers. The values of weights decide a
little: whether a kernel that packs weights in pairs can take them, in how many parts a multiplier is applied, whether
all channels share one. So the placeholders look like trained values: normally distributed weights with a variance of
1 / inputs, small biases, outputs from 0 on after a ReLU. They have no zeros that sparse kernels could leave out.
"""

from math import prod

import numpy as np

from sparse_mcu.search.network.stages.quantization import (
    FloatArray,
    FoldedLayer,
    QuantizedNetwork,
    quantized_network,
)
from sparse_mcu.search.space.architecture import Architecture, Conv, Dense, Layer

_LEAST_WEIGHT = 0.02
_BIAS = 0.1
_POSITIVE = np.array([0.0, 1.0], np.float32)
_SIGNED = np.array([-1.0, 1.0], np.float32)


def placeholder_network(architecture: Architecture) -> QuantizedNetwork:
    """Returns a quantised network with fixed pseudo-random weights: the same for the same architecture.

    Args:
        architecture: The layers, which must be valid.
    """
    rng = np.random.default_rng(0)
    folded = {layer.name: _folded(layer, rng) for layer in architecture.layers if isinstance(layer, Conv | Dense)}
    return quantized_network(architecture, folded, _POSITIVE, map(_outputs, architecture.layers))


def _folded(layer: Conv | Dense, rng: np.random.Generator) -> FoldedLayer:
    channels = layer.channels if isinstance(layer, Conv) else layer.units
    shape = (
        (channels, layer.input_shape[0] // layer.groups, layer.kernel, layer.kernel)
        if isinstance(layer, Conv)
        else (channels, layer.input_shape[0])
    )
    weights = rng.standard_normal(shape, np.float32)
    weights += np.copysign(np.float32(_LEAST_WEIGHT), weights)
    return FoldedLayer(
        weights / np.sqrt(np.float32(prod(shape[1:]))), _BIAS * rng.standard_normal(channels, np.float32)
    )


def _outputs(layer: Layer) -> FloatArray:
    """Returns values that span the range of a layer's output."""
    is_signed = (isinstance(layer, Dense) and not layer.hidden) or (isinstance(layer, Conv) and not layer.relu)
    return _SIGNED if is_signed else _POSITIVE
