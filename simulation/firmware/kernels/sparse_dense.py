"""Fits the dense layer whose weights are mostly zero."""

import numpy as np

from sparse_mcu.costmodel.graph.operators import Dense
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import loop
from sparse_mcu.simulation.firmware.kernels.sparse import sparse_of
from sparse_mcu.simulation.firmware.kernels.work import sparse_work


def sparse_dense(site: Site) -> Implementation | None:
    """Takes a dense layer whose weights take less flash without their zeros."""
    operator = site.operator
    if not isinstance(operator, Dense):
        return None
    outputs, features = operator.weights.shape
    sparse = sparse_of(operator.weights, np.arange(features), operator.weights.size)
    if sparse is None:
        return None
    sums = accumulation_of(operator, site.inputs[0].quantization.zero_point, every_tap_counts=True)
    rows = np.arange(site.inputs[0].size_bytes // features)
    access = loop(sparse.access, rows * features, rows * outputs)
    constants = (*sparse.constants, *sums.constants[1:])
    details, work = {"sums": sums, "sparse": sparse}, sparse_work(operator, site.output, sparse.entries)
    return Implementation("sparse_dense", site, (access,), constants, details, work=work)
