"""Defines the meaning of AveragePool2d."""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from sparse_mcu.costmodel.graph import AveragePool2d
from sparse_mcu.simulation.reference.arithmetic import centred, checked, saturated, taps, windows
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning


@meaning(AveragePool2d)
def average_pool2d(operator: AveragePool2d, signature: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """Rescales the sum under the window. The multiplier includes the division by the count."""
    places = windows(centred(inputs[0], signature.inputs[0].quantization), operator.window, 0)
    total = checked(reduce(np.add, taps(places))[:, np.newaxis], operator)
    return saturated(operator.rescale.apply(total), signature.output.quantization, operator.clamp)
