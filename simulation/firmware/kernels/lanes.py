"""Splits channels into words of four, for pooling."""

from sparse_mcu.simulation.firmware.kernels.accumulation import Blocking
from sparse_mcu.simulation.firmware.kernels.kernel import Site

_LANES = 4


def lanes_of(site: Site) -> Blocking | None:
    """Returns channels by fours; the last four may overlap those before. Returns None for fewer than four channels.

    ARMv6-M loads words from aligned addresses only. So there the channels must be a multiple of four: then no pixel
    begins in the middle of a word.
    """
    channels = site.output.shape[-1]
    if channels < _LANES or (channels % _LANES and not site.core.has_it_blocks):
        return None
    return Blocking(_LANES, overlaps=channels % _LANES != 0)
