"""Quantised tensors."""

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class Quantization:
    """How int8 codes stand for real numbers: real = scale * (code - zero_point), one pair for a whole tensor."""

    scale: float
    zero_point: int

    def __str__(self) -> str:
        """Returns the two numbers in words, for messages."""
        return f"scale {self.scale:.6g} and zero point {self.zero_point}"


@dataclass(frozen=True, slots=True)
class Tensor:
    """An int8 activation, row-major.

    Attributes:
        name: Its name, unique in its graph.
        shape: NHWC with N = 1 for feature maps, (1, C) for vectors. Every dimension is static.
        quantization: Scale and zero point, one for the whole tensor.
    """

    name: str
    shape: tuple[int, ...]
    quantization: Quantization

    @property
    def size_bytes(self) -> int:
        """The bytes of the tensor: one per element."""
        return prod(self.shape)
