"""Defines the meaning of MaxPool2d."""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from sparse_mcu.costmodel.graph import MaxPool2d
from sparse_mcu.simulation.reference.arithmetic import Wide, taps, windows
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning


@meaning(MaxPool2d)
def max_pool2d(operator: MaxPool2d, _: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """Takes the largest code under the window."""
    places = windows(inputs[0].astype(np.int64), operator.window, -128)
    largest: Wide = reduce(np.maximum, taps(places))[:, np.newaxis]
    return np.clip(largest, operator.clamp.low, operator.clamp.high).astype(np.int8)
