"""Defines the meaning of Transpose."""

from collections.abc import Sequence

import numpy as np

from sparse_mcu.costmodel.graph import Transpose
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning


@meaning(Transpose)
def transpose(operator: Transpose, _: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """Permutes the axes; the result is contiguous."""
    return np.ascontiguousarray(inputs[0].transpose(0, *(1 + axis for axis in operator.permutation)))
