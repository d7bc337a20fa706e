"""Defines the meaning of Dense."""

from collections.abc import Sequence

from sparse_mcu.costmodel.graph import Dense
from sparse_mcu.simulation.reference.arithmetic import centred, checked, products, saturated
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning


@meaning(Dense)
def dense(operator: Dense, signature: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """Multiplies a vector by a matrix."""
    source = centred(inputs[0], signature.inputs[0].quantization)
    accumulator = products(source, operator.weights.T) + operator.bias
    result = operator.rescale.apply(checked(accumulator, operator))
    return saturated(result, signature.output.quantization, operator.clamp)
