"""Fits the kernel that puts a constant border around a feature map."""

import numpy as np

from sparse_mcu.costmodel.graph.operators import Pad2d
from sparse_mcu.costmodel.memory.model.access import NOTHING
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import loop, moments


def pad2d(site: Site) -> Implementation | None:
    """Writes row by row: border, the input's row, border."""
    operator = site.operator
    if not isinstance(operator, Pad2d):
        return None
    top, left, _, _ = operator.padding
    _, height, width, channels = site.inputs[0].shape
    in_row, out_row = width * channels, site.output.shape[2] * channels
    before = top * out_row + left * channels
    row = moments((NOTHING, before), (0, before + in_row), (NOTHING, before + out_row))
    access = loop(row, np.arange(height) * in_row, np.arange(height) * out_row)
    return Implementation("pad2d", site, (access,))
