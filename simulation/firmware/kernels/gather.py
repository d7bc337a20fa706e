"""Fits the kernel that takes some elements along an axis, by a list of indices in flash."""

from math import prod

import numpy as np

from sparse_mcu.costmodel.graph.operators import Gather
from sparse_mcu.costmodel.memory.model.access import AccessPattern
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import loop
from sparse_mcu.simulation.firmware.source import Constant


def gather(site: Site) -> Implementation | None:
    """Copies stretch by stretch.

    An ascending list of large indices is stored as the steps from one index to the next, if these fit a byte.
    """
    operator = site.operator
    if not isinstance(operator, Gather):
        return None
    shape, indices = site.inputs[0].shape, operator.indices
    stretch, extent = prod(shape[operator.axis + 1 :]), shape[operator.axis]
    rows = np.arange(prod(shape[: operator.axis]))
    written = np.arange(1, indices.size + 1) * stretch
    body = AccessPattern(indices * stretch, written)
    row_bytes = extent * stretch if operator.axis < len(shape) - 1 else site.from_pitches[0]
    access = loop(body, rows * row_bytes, rows * (site.output_pitch or indices.size * stretch))
    steps = np.diff(indices, prepend=0)
    by_steps = steps.min() >= 0 and steps.max() < 2**8 <= indices.max()
    whole = np.min_scalar_type(int(indices.max()))
    symbol, list_ = ("steps", steps.astype(np.uint8)) if by_steps else ("indices", indices.astype(whole))
    details = {"rows": rows.size, "row_bytes": row_bytes, "stretch": stretch, "by_steps": by_steps}
    reads_pitch = gather if operator.axis == len(shape) - 1 else None
    constants = (Constant(symbol, list_, "constants"),)
    takes_pitch = reads_pitch is not None
    return Implementation(
        "gather", site, (access,), constants, details, takes_pitch=takes_pitch, reads_pitch=reads_pitch
    )
