"""Quantised tensors."""

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class Quantization:
    """Affine int8 quantisation: real = scale * (q - zero_point), per tensor."""

    scale: float
    zero_point: int

    def __str__(self) -> str:
        """For messages."""
        return f"scale {self.scale:.6g} and zero point {self.zero_point}"


@dataclass(frozen=True, slots=True)
class Tensor:
    """An int8 activation, row-major.

    Attributes:
        name: Unique in its graph.
        shape: NHWC with N = 1 for feature maps, (1, C) for vectors; every dimension static.
        quantization: Scale and zero point, one for the whole tensor.
    """

    name: str
    shape: tuple[int, ...]
    quantization: Quantization

    @property
    def size_bytes(self) -> int:
        """Bytes of the tensor: one per element."""
        return prod(self.shape)
