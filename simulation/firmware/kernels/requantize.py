"""Fits the kernel that gives the same values another scale and zero point."""

import numpy as np

from sparse_mcu.costmodel.graph.operators import Requantize
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import elements, loop


def requantize(site: Site) -> Implementation | None:
    """Rescales element by element, with one multiplier for all."""
    operator = site.operator
    if not isinstance(operator, Requantize) or operator.rescale.multiplier.size != 1:
        return None
    channels = site.output.shape[-1]
    pixels = np.arange(site.output.size_bytes // channels)
    access = elements(site.output.size_bytes)
    if site.is_apart or site.output_pitch:
        access = loop(elements(channels), pixels * site.from_pitches[0], pixels * site.pitch)
    return Implementation("requantize", site, (access,), takes_pitch=True, reads_pitch=requantize)
