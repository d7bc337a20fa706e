"""Defines the meaning of Slice."""

from collections.abc import Sequence

import numpy as np

from sparse_mcu.costmodel.graph import Slice
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning


@meaning(Slice)
def slice_(operator: Slice, signature: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """Takes every step-th element of each axis, as many as the output has."""
    places = [
        start + np.arange(extent) * step
        for start, step, extent in zip(operator.starts, operator.steps, signature.output.shape, strict=True)
    ]
    return inputs[0][np.ix_(np.arange(len(inputs[0])), *places)]
