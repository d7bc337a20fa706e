"""Defines the meaning of Requantize."""

from collections.abc import Sequence

from sparse_mcu.costmodel.graph import Requantize
from sparse_mcu.simulation.reference.arithmetic import centred, saturated
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning


@meaning(Requantize)
def requantize(operator: Requantize, signature: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """Expresses the values in other units and clamps them."""
    result = operator.rescale.apply(centred(inputs[0], signature.inputs[0].quantization))
    return saturated(result, signature.output.quantization, operator.clamp)
