"""Fits the kernel for concatenation."""

from math import prod

import numpy as np

from sparse_mcu.costmodel.graph.operators import Concat
from sparse_mcu.costmodel.memory.model.access import NOTHING, AccessPattern
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import loop, moments


def concat(site: Site) -> Implementation | None:
    """Copies one contiguous stretch of every input in turn. The axes before the joined one tell how often."""
    operator = site.operator
    if not isinstance(operator, Concat):
        return None
    axis = operator.axis % len(site.output.shape)
    repeats = prod(site.output.shape[:axis])
    stretches = tuple(prod(tensor.shape[axis:]) for tensor in site.inputs)
    joins_channels = axis == len(site.output.shape) - 1
    apart = site.from_pitches if joins_channels else stretches
    pitch = site.output_pitch or sum(stretches)
    access = tuple(_access(repeats, stretches, index, apart[index], pitch) for index in range(len(stretches)))
    details = {"repeats": repeats, "stretches": stretches, "apart": apart}
    reads_pitch = concat if joins_channels else None
    return Implementation("concat", site, access, details=details, takes_pitch=joins_channels, reads_pitch=reads_pitch)


def _access(repeats: int, stretches: tuple[int, ...], index: int, apart: int, pitch: int) -> AccessPattern:
    """Returns the order of access to one input.

    In each row of the output, the stretches before its own are written, then its own one is copied, then the others are
    written. Its stretches begin `apart` bytes from each other, the rows of the output `pitch` bytes.
    """
    before, own, row = sum(stretches[:index]), stretches[index], sum(stretches)
    body = moments((NOTHING, before), (0, before + own), (NOTHING, row))
    return loop(body, np.arange(repeats) * apart, np.arange(repeats) * pitch)
