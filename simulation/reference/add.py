"""Defines the meaning of Add."""

from collections.abc import Sequence

from sparse_mcu.costmodel.graph import Add
from sparse_mcu.simulation.reference.arithmetic import centred, checked, saturated
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning


@meaning(Add)
def add(operator: Add, signature: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """Expresses both inputs in units of the output times 2**shift, adds them and rounds half up."""
    left, right = (
        centred(array, tensor.quantization) * multiplier
        for array, tensor, multiplier in zip(inputs, signature.inputs, operator.multipliers, strict=True)
    )
    total = checked(left + right + 2 ** (operator.shift - 1), operator)
    return saturated(total >> operator.shift, signature.output.quantization, operator.clamp)
