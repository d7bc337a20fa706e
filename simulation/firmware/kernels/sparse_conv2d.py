"""Fits the convolution whose weights are mostly zero."""

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.graph.operators import Conv2d
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import moments, slide
from sparse_mcu.simulation.firmware.kernels.sparse import sparse_of
from sparse_mcu.simulation.firmware.kernels.work import sparse_work


def sparse_conv2d(site: Site) -> Implementation | None:
    """Takes a convolution whose weights take less flash without their zeros.

    Without padding, the weights meet the input where it lies. With padding, each window is first copied into working
    memory, with the input's zero point in place of padding. So the gaps are the same in every window.
    """
    operator = site.operator
    if not isinstance(operator, Conv2d):
        return None
    copied = any(operator.window.padding)
    sparse = sparse_of(*_taps(operator, site.inputs[0].shape, copied=copied), operator.weights.size)
    if sparse is None:
        return None
    sums = accumulation_of(operator, site.inputs[0].quantization.zero_point, every_tap_counts=True)
    (height, width), channels = operator.window.kernel, site.inputs[0].shape[-1]
    pixel = moments((0, operator.bias.size)) if copied else sparse.access
    copied_bytes = height * width * channels if copied else 0
    return Implementation(
        "sparse_conv2d",
        site,
        (slide(operator.window, site, pixel),),
        (*sparse.constants, *sums.constants[1:]),
        {"sums": sums, "sparse": sparse},
        copied_bytes,
        takes_pitch=True,
        reads_pitch=sparse_conv2d if copied or operator.window.kernel == (1, 1) else None,
        work=sparse_work(operator, site.output, sparse.entries, copied_bytes),
    )


def _taps(
    operator: Conv2d, shape: tuple[int, ...], *, copied: bool
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    """Returns the weights [out_channels, taps] over all input channels, and the place of each tap in the window.

    A place is counted in bytes from the window's start.

    Args:
        operator: The convolution. Outside its group, a channel's weights are zero.
        shape: The shape of the input.
        copied: Whether the window is a copy without gaps between its rows. Otherwise it lies in the input.
    """
    outputs, height, width, group_in = operator.weights.shape
    channels = shape[-1]
    weights = np.zeros((outputs, height, width, channels), np.int8)
    for group, rows in enumerate(np.split(np.arange(outputs), operator.groups)):
        weights[rows, :, :, group * group_in : (group + 1) * group_in] = operator.weights[rows]
    steps = (width, 1) if copied else (operator.window.dilations[0] * shape[2], operator.window.dilations[1])
    pixels = np.add.outer(np.arange(height) * steps[0], np.arange(width) * steps[1])
    places = np.add.outer(pixels * channels, np.arange(channels))
    return weights.reshape(outputs, -1), places.ravel()
