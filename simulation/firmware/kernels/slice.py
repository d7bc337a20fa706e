"""Fits the kernel that takes every n-th element of each axis, for crops and nearest down-sampling."""

from math import prod

import numpy as np

from sparse_mcu.costmodel.graph.operators import Slice
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import loop, moments
from sparse_mcu.simulation.firmware.kernels.transpose import Loop


def slice_(site: Site) -> Implementation | None:
    """Writes the output in order, and copies what lies side by side in both tensors as one stretch.

    With a pitch, a stretch is at most one pixel.
    """
    operator = site.operator
    if not isinstance(operator, Slice):
        return None
    sizes = _sizes(site.inputs[0].shape, site.from_pitches[0])
    first = sum(start * size for start, size in zip(operator.starts, sizes, strict=True))
    loops = [
        Loop(count, size * step)
        for count, size, step in zip(site.output.shape, sizes, operator.steps, strict=True)
        if count > 1
    ]
    stretch = 1
    channels, channel_step = site.output.shape[-1], operator.steps[-1]
    while loops and loops[-1].step == stretch and (stretch < channels or not site.output_pitch):
        stretch *= loops.pop().count
    access, written = moments((first, stretch)), site.output_pitch or stretch
    for axis in reversed(loops):
        turns = np.arange(axis.count)
        access = loop(access, turns * axis.step, turns * written)
        written *= axis.count
    details = {"loops": tuple(loops), "stretch": stretch, "first": first}
    takes_pitch = channels == 1 or channel_step == 1
    return Implementation("slice", site, (access,), details=details, takes_pitch=takes_pitch, reads_pitch=slice_)


def _sizes(shape: tuple[int, ...], apart: int) -> list[int]:
    """Returns how far the elements of each axis lie from each other, for pixels that are `apart` bytes apart."""
    return [prod(shape[axis + 1 : -1]) * apart for axis in range(len(shape) - 1)] + [1]
