"""Fits the kernel that adds two tensors of different scales."""

import numpy as np

from sparse_mcu.costmodel.graph.operators import Add
from sparse_mcu.costmodel.memory.model.access import AccessPattern
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import loop

_WORD = 4
_LIMIT = 2**31
_LARGEST = 2**7


def add(site: Site) -> Implementation | None:
    """Adds element by element.

    The zero points of the inputs and the rounding are one constant. The output's zero point joins that constant if the
    sums leave room for it.

    Where words can be loaded from any address, four elements are loaded before they are stored. These are elements of
    one pixel where pixels lie apart.
    """
    operator = site.operator
    if not isinstance(operator, Add):
        return None
    zero_points = [tensor.quantization.zero_point for tensor in site.inputs]
    offset = -sum(zero * factor for zero, factor in zip(zero_points, operator.multipliers, strict=True))
    offset += 1 << operator.shift >> 1
    whole = offset + (site.output.quantization.zero_point << operator.shift)
    folded = abs(whole) + _LARGEST * sum(operator.multipliers) < _LIMIT
    by_words = site.core.has_it_blocks
    length = site.output.shape[-1] if site.is_apart or site.output_pitch else site.output.size_bytes
    first = np.arange(length)
    step = np.where(first < first.size // _WORD * _WORD, _WORD, 1) if by_words else np.ones_like(first)
    first, step = first[first % step == 0], step[first % step == 0]
    runs = np.arange(site.output.size_bytes // length)
    access = tuple(
        loop(AccessPattern(first, first + step), runs * apart, runs * (site.output_pitch or length))
        for apart in site.from_pitches
    )
    details = {"offset": whole if folded else offset, "folded": folded, "by_words": by_words}
    return Implementation("add", site, access, details=details, takes_pitch=True, reads_pitch=add)
