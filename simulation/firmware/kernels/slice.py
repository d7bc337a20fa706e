"""Every n-th element of each axis: crops, and nearest down-sampling."""

from math import prod

import numpy as np

from costmodel.graph.operators import Slice
from simulation.firmware.kernels.kernel import Implementation, Site
from simulation.firmware.kernels.order import loop, moments
from simulation.firmware.kernels.transpose import Loop


def slice_(site: Site) -> Implementation | None:
    """The output is written in order; what lies side by side in both is moved as one stretch."""
    operator = site.operator
    if not isinstance(operator, Slice):
        return None
    shape = site.inputs[0].shape
    sizes = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    first = sum(start * size for start, size in zip(operator.starts, sizes, strict=True))
    loops = [
        Loop(count, size * step)
        for count, size, step in zip(site.output.shape, sizes, operator.steps, strict=True)
        if count > 1
    ]
    stretch = 1
    while loops and loops[-1].step == stretch:
        stretch *= loops.pop().count
    access, written = moments((first, stretch)), stretch
    for axis in reversed(loops):
        turns = np.arange(axis.count)
        access = loop(access, turns * axis.step, turns * written)
        written *= axis.count
    return Implementation("slice", site, (access,), details={"loops": tuple(loops), "stretch": stretch, "first": first})
