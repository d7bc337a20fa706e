"""Four channels in a word: how pooling takes its channels."""

from sparse_mcu.simulation.firmware.kernels.accumulation import Blocking
from sparse_mcu.simulation.firmware.kernels.kernel import Site

_LANES = 4


def lanes_of(site: Site) -> Blocking | None:
    """Channels by fours, the last four of which may overlap those before; None if there are no four.

    ARMv6-M loads words from aligned addresses only: all of a tensor are if no pixel begins in the middle of a word.
    """
    channels = site.output.shape[-1]
    if channels < _LANES or (channels % _LANES and not site.core.has_it_blocks):
        return None
    return Blocking(_LANES, overlaps=channels % _LANES != 0)
