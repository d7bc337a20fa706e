"""Fits the plain dense layer: one dot product per output feature."""

import numpy as np

from sparse_mcu.costmodel.graph.operators import Dense
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of, blocking_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import loop
from sparse_mcu.simulation.firmware.kernels.work import matrix_work


def dense(site: Site) -> Implementation | None:
    """Takes any dense layer. An input of several rows gives as many output rows."""
    operator = site.operator
    if not isinstance(operator, Dense):
        return None
    sums = accumulation_of(operator, site.inputs[0].quantization.zero_point, every_tap_counts=True)
    blocking = blocking_of(operator.bias.size, site.core)
    outputs, features = operator.weights.shape
    rows = np.arange(site.inputs[0].size_bytes // features)
    access = loop(blocking.access(outputs), rows * features, rows * outputs)
    details, work = {"sums": sums, "blocking": blocking}, matrix_work(operator, site.output)
    return Implementation("dense", site, (access,), sums.constants, details, work=work)
