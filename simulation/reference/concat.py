"""Defines the meaning of Concat."""

from collections.abc import Sequence

import numpy as np

from sparse_mcu.costmodel.graph import Concat
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning


@meaning(Concat)
def concat(operator: Concat, _: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """Joins the inputs along the axis."""
    return np.concatenate(inputs, axis=1 + operator.axis)
