"""Defines the meaning of Pad2d."""

from collections.abc import Sequence

import numpy as np

from sparse_mcu.costmodel.graph import Pad2d
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning


@meaning(Pad2d)
def pad2d(operator: Pad2d, _: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """Puts a border of one code around the image."""
    top, left, bottom, right = operator.padding
    border = ((0, 0), (0, 0), (top, bottom), (left, right), (0, 0))
    return np.pad(inputs[0], border, constant_values=operator.value)
