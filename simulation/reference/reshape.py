"""Defines the meaning of Reshape."""

from collections.abc import Sequence

from sparse_mcu.costmodel.graph import Reshape
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meaning


@meaning(Reshape)
def reshape(_: Reshape, signature: Signature, inputs: Sequence[Int8Array]) -> Int8Array:
    """Keeps the bytes and changes the shape."""
    return inputs[0].reshape(-1, *signature.output.shape)
