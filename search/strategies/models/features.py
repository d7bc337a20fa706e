"""Describes an architecture by a dozen numbers that its error depends on, for the surrogate.

Counts of operations and lengths of paths predict errors better than most encodings of graphs do (GRAF by Kadlecova et
al., ICML 2024). A strategy adds them to the choices of a configuration.
"""

from math import log, prod

import numpy as np

from sparse_mcu.search.space.architecture import IMAGE, Architecture, AveragePool, Conv, Dense, Layer, MaxPool
from sparse_mcu.search.strategies.pareto import Array

NAMES = (
    "weights",
    "macs",
    "working memory",
    "depth",
    "down-sampling",
    "last side",
    "receptive field",
    "first channels",
    "last channels",
    "bottleneck",
    "classifier inputs",
    "dense share",
    "depthwise share",
)
"""What the features are, in order."""

_MOST = 1e7
_MOST_LAYERS = 20
_MOST_CHANNELS = 256


def features(architecture: Architecture) -> Array:
    """Returns the features of an architecture, each 0 to 1, [len(NAMES)].

    Counts and sides are on logarithmic scales. The bottleneck is the smallest output of a layer before the last one, in
    elements. The dense share is that of the weights, and the depthwise share that of the multiply-accumulates.

    Example for images of 28x28 and `pool2 conv-3x6/max dense`: the first convolution is the last one too, so both have
    6 channels. The image is halved twice, so the last side is 7. An element of the last map sees 2 * (3 + 1) = 8 of 28
    pixels a side. The classifier has 7 * 7 * 6 = 294 inputs. The bottleneck is the halved image of 196 elements. Of
    2,994 weights, 2,940 are dense.
    """
    layers, image = architecture.layers, architecture.task.shape
    weighted = [layer for layer in layers if layer.weights]
    convolutions = [layer for layer in weighted if isinstance(layer, Conv)]
    dense = [layer for layer in weighted if isinstance(layer, Dense)]
    maps = [layer for layer in layers if _is_map(layer)]
    last = maps[-1].output_shape if maps else image
    side = min(image[1:])
    values = np.array(
        [
            _log_share(architecture.weights, _MOST),
            _log_share(architecture.macs, _MOST),
            _log_share(architecture.working_memory, _MOST),
            len(weighted) / _MOST_LAYERS,
            _log_share(side / max(min(last[1:]), 1), side),
            _log_share(min(last[1:]), side),
            _receptive_field(architecture) / side,
            _log_share(convolutions[0].channels if convolutions else 1, _MOST_CHANNELS),
            _log_share(convolutions[-1].channels if convolutions else 1, _MOST_CHANNELS),
            _log_share(min((prod(layer.output_shape) for layer in layers[:-1]), default=1), prod(image)),
            _log_share(dense[0].input_shape[0], prod(image)),
            sum(layer.weights for layer in dense) / architecture.weights,
            sum(layer.macs for layer in convolutions if layer.groups > 1) / architecture.macs,
        ]
    )
    return np.asarray(np.minimum(values, 1.0))


def _receptive_field(architecture: Architecture) -> float:
    """Returns how many pixels a side the last map's elements see, at most over all paths through the graph."""
    seen: dict[str, tuple[float, float]] = {IMAGE: (1.0, 1.0)}  # pixels a side, and pixels from one element to the next
    largest = 1.0
    for layer in architecture.layers:
        field, step = (max(values) for values in zip(*(seen[name] for name in layer.inputs), strict=True))
        window, stride = _window(layer)
        seen[layer.name] = (field + (window - 1) * step, step * stride)
        if _is_map(layer):
            largest = max(largest, seen[layer.name][0])
    return largest


def _window(layer: Layer) -> tuple[int, int]:
    match layer:
        case Conv(kernel=kernel, stride=stride):
            return kernel, stride
        case MaxPool(size=size):
            return size, size
        case AveragePool(window=(height, _)):
            return height, height
        case _:
            return 1, 1


def _is_map(layer: Layer) -> bool:
    """Returns whether a layer gives a feature map, and not a vector or the mean of each channel."""
    is_mean = isinstance(layer, AveragePool) and layer.output_shape[1:] == (1, 1)
    return len(layer.output_shape) > 1 and not is_mean


def _log_share(value: float, most: float) -> float:
    return log(max(value, 1.0)) / log(most)
