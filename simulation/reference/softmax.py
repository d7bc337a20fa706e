"""Defines the meaning of Softmax."""

from collections.abc import Sequence

import numpy as np

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import Clamp, Softmax
from sparse_mcu.simulation.reference.arithmetic import saturated
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning


@meaning(Softmax)
def softmax(operator: Softmax, signature: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """Divides exponentials from the table by their sum, and rounds half up.

    Raises:
        UnsupportedQuantizationError: An intermediate does not fit 32 unsigned bits.
    """
    codes = inputs[0].astype(np.int64)
    distance = codes.max(axis=-1, keepdims=True) - codes
    table = np.zeros(256, np.int64)
    table[: operator.exp_table.size] = operator.exp_table
    exponentials = table[distance]
    divisor = exponentials.sum(axis=-1, keepdims=True) * operator.denominator
    dividend = exponentials * operator.numerator + (divisor >> 1)
    if max(int(divisor.max(initial=0)), int(dividend.max(initial=0))) >= 2**32:
        raise UnsupportedQuantizationError(
            "an intermediate overflows 32 bits", where=operator.name, fix="Load the model through load_graph."
        )
    return saturated(dividend // divisor, signature.output.quantization, Clamp())
