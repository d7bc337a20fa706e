"""The meaning of Conv2d."""

from collections.abc import Sequence

import numpy as np

from costmodel.graph import Conv2d
from simulation.reference.arithmetic import centred, checked, saturated, windows
from simulation.reference.registry import Int8Array, Signature, meaning


@meaning(Conv2d)
def conv2d(operator: Conv2d, signature: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """One product of matrices per group: places x taps by taps x output channels."""
    source = signature.inputs[0].quantization
    places = windows(centred(inputs[0], source), operator.window, 0)
    height, width, _, _, channels = places.shape
    groups, out_channels = operator.groups, operator.weights.shape[0]
    grouped = places.reshape(height * width, -1, groups, channels // groups)
    taps = grouped.transpose(2, 0, 1, 3).reshape(groups, height * width, -1)
    weights = operator.weights.astype(np.int64).reshape(groups, out_channels // groups, -1)
    products = taps @ weights.transpose(0, 2, 1)
    accumulator = products.transpose(1, 0, 2).reshape(1, height, width, out_channels) + operator.bias
    result = operator.rescale.apply(checked(accumulator, operator))
    return saturated(result, signature.output.quantization, operator.clamp)
