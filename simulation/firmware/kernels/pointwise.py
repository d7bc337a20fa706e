"""Fits the plain 1x1 convolution with stride 1 and no padding: a matrix product with one row per pixel."""

import numpy as np

from sparse_mcu.costmodel.graph.operators import Conv2d, Window
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of, blocking_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import loop, moments
from sparse_mcu.simulation.firmware.kernels.work import matrix_work


def pointwise(site: Site) -> Implementation | None:
    """Takes a convolution that looks at one pixel for each output pixel.

    If an output pixel takes several blocks, the input pixel is first copied to working memory. That costs little
    compared with the products, and it allows the output to be written over the input.
    """
    operator = site.operator
    if not isinstance(operator, Conv2d) or operator.groups != 1:
        return None
    if operator.window != Window(kernel=(1, 1), dilations=operator.window.dilations):
        return None
    sums = accumulation_of(operator, site.inputs[0].quantization.zero_point, every_tap_counts=True)
    outputs, inputs = site.output.shape[-1], site.inputs[0].shape[-1]
    blocking = blocking_of(outputs, site.core)
    pixels = np.arange(site.output.size_bytes // outputs)
    read_then_written = moments((0, outputs))
    return Implementation(
        "pointwise",
        site,
        (loop(read_then_written, pixels * site.from_pitches[0], pixels * site.pitch),),
        sums.constants,
        {"sums": sums, "blocking": blocking, "copied": blocking.channels < outputs},
        inputs if blocking.channels < outputs else 0,
        takes_pitch=True,
        reads_pitch=pointwise,
        work=matrix_work(operator, site.output),
    )
