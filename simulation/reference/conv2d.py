"""The meaning of Conv2d."""

from collections.abc import Sequence

import numpy as np

from sparse_mcu.costmodel.graph import Conv2d
from sparse_mcu.simulation.reference.arithmetic import Wide, centred, checked, saturated, windows
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning

_ELEMENTS_AT_A_TIME = 2**19


@meaning(Conv2d)
def conv2d(operator: Conv2d, signature: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """One product of matrices per group: places x taps by taps x output channels, some rows at a time."""
    source = signature.inputs[0].quantization
    places = windows(centred(inputs[0], source), operator.window, 0)
    rows = max(1, _ELEMENTS_AT_A_TIME // places[0].size)
    blocks = [_products(operator, places[first : first + rows]) for first in range(0, len(places), rows)]
    accumulator = np.concatenate(blocks)[np.newaxis] + operator.bias
    result = operator.rescale.apply(checked(accumulator, operator))
    return saturated(result, signature.output.quantization, operator.clamp)


def _products(operator: Conv2d, places: Wide) -> Wide:
    """Sums of products [rows, width, out_channels] for windows [rows, width, kernel_h, kernel_w, in_channels]."""
    height, width, _, _, channels = places.shape
    groups, out_channels = operator.groups, operator.weights.shape[0]
    grouped = places.reshape(height * width, -1, groups, channels // groups)
    taps = grouped.transpose(2, 0, 1, 3).reshape(groups, height * width, -1)
    weights = operator.weights.astype(np.int64).reshape(groups, out_channels // groups, -1)
    products = taps @ weights.transpose(0, 2, 1)
    return products.transpose(1, 0, 2).reshape(height, width, out_channels)
