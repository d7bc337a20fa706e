"""Fits the kernel that permutes axes."""

from dataclasses import dataclass
from math import prod

import numpy as np

from sparse_mcu.costmodel.graph.operators import Transpose
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import loop, moments


@dataclass(frozen=True, slots=True)
class Loop:
    """Describes one axis of the output.

    Attributes:
        count: Its extent.
        step: How far its elements lie from each other in the input, in bytes.
    """

    count: int
    step: int


def transpose(site: Site) -> Implementation | None:
    """Writes the output in order and reads the input with strides. Axes that stay last are copied as one stretch."""
    operator = site.operator
    if not isinstance(operator, Transpose):
        return None
    loops = loops_of(site.inputs[0].shape, operator.permutation)
    stretch = 1
    while loops and loops[-1].step == stretch:
        stretch *= loops.pop().count
    access, written = moments((0, stretch)), stretch
    for axis in reversed(loops):
        turns = np.arange(axis.count)
        access = loop(access, turns * axis.step, turns * written)
        written *= axis.count
    return Implementation("transpose", site, (access,), details={"loops": tuple(loops), "stretch": stretch})


def loops_of(shape: tuple[int, ...], permutation: tuple[int, ...]) -> list[Loop]:
    """Returns the output's axes of more than one element, outermost first."""
    steps = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return [Loop(shape[axis], steps[axis]) for axis in permutation if shape[axis] > 1]
