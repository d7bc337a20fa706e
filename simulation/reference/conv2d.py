"""Defines the meaning of Conv2d."""

from collections.abc import Sequence

import numpy as np

from sparse_mcu.costmodel.graph import Conv2d
from sparse_mcu.simulation.reference.arithmetic import Wide, centred, checked, products, saturated, windows
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning

_ELEMENTS_AT_A_TIME = 2**19


@meaning(Conv2d)
def conv2d(operator: Conv2d, signature: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """Makes one matrix product per group: places x taps by taps x output channels.

    Memory is bounded. As many images are computed at once as have `_ELEMENTS_AT_A_TIME` elements under their windows
    together, or else some rows of one image.
    """
    source = signature.inputs[0].quantization
    places = windows(centred(inputs[0], source), operator.window, 0)
    count, height, width = places.shape[:3]
    images, rows = (max(1, _ELEMENTS_AT_A_TIME // part.size) for part in (places[0], places[0, 0]))
    sums = np.empty((count, height, width, len(operator.weights)), np.int64)
    for first in range(0, count, images):
        for row in range(0, height, rows):
            block = slice(first, first + images), slice(row, row + rows)
            sums[block] = _products(operator, places[block])
    result = operator.rescale.apply(checked(sums[:, np.newaxis] + operator.bias, operator))
    return saturated(result, signature.output.quantization, operator.clamp)


def _products(operator: Conv2d, places: Wide) -> Wide:
    """Returns the sums [n, rows, width, out_channels] for windows [n, rows, width, kernel_h, kernel_w, in_channels]."""
    count, height, width, _, _, channels = places.shape
    groups, out_channels = operator.groups, operator.weights.shape[0]
    grouped = places.reshape(count * height * width, -1, groups, channels // groups)
    taps = grouped.transpose(2, 0, 1, 3).reshape(groups, count * height * width, -1)
    weights = operator.weights.reshape(groups, out_channels // groups, -1)
    sums = products(taps, weights.transpose(0, 2, 1))
    return sums.transpose(1, 0, 2).reshape(count, height, width, out_channels)
