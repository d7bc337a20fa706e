"""Some elements along an axis, by a list of indices in flash."""

from math import prod

import numpy as np

from costmodel.graph.operators import Gather
from costmodel.memory.access import AccessPattern
from simulation.firmware.kernels.kernel import Implementation, Site
from simulation.firmware.kernels.order import loop
from simulation.firmware.source import Constant


def gather(site: Site) -> Implementation | None:
    """Stretch by stretch; an ascending list is stored as the steps from one index to the next where they fit a byte."""
    operator = site.operator
    if not isinstance(operator, Gather):
        return None
    shape, indices = site.inputs[0].shape, operator.indices
    stretch, extent = prod(shape[operator.axis + 1 :]), shape[operator.axis]
    rows = np.arange(prod(shape[: operator.axis]))
    written = np.arange(1, indices.size + 1) * stretch
    body = AccessPattern(indices * stretch, written)
    access = loop(body, rows * extent * stretch, rows * indices.size * stretch)
    steps = np.diff(indices, prepend=0)
    by_steps = steps.min() >= 0 and steps.max() < 2**8 <= indices.max()
    whole = np.min_scalar_type(int(indices.max()))
    symbol, list_ = ("steps", steps.astype(np.uint8)) if by_steps else ("indices", indices.astype(whole))
    details = {"rows": rows.size, "extent": extent, "stretch": stretch, "by_steps": by_steps}
    return Implementation("gather", site, (access,), (Constant(symbol, list_, "constants"),), details)
