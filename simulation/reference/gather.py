"""Defines the meaning of Gather."""

from collections.abc import Sequence

import numpy as np

from sparse_mcu.costmodel.graph import Gather
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning


@meaning(Gather)
def gather(operator: Gather, _: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """Takes the listed elements of the axis."""
    return np.take(inputs[0], operator.indices, axis=1 + operator.axis)
