"""Fits the 1x1 convolution of an odd number of pixels for cores with DSP. It computes the last pixel alone."""

from dataclasses import replace

from sparse_mcu.costmodel.graph.operators import Conv2d
from sparse_mcu.simulation.firmware.kernels.conv2d_biplex import conv2d_biplex
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.packing import largest_divisor
from sparse_mcu.simulation.firmware.kernels.work import Work, sizes_of

_LONGEST_BODY = 4  # steps of four taps: 320 bytes


def pointwise_biplex(site: Site) -> Implementation | None:
    """Takes what `conv2d_biplex` takes, if pixels lie side by side and their number is odd.

    `conv2d_biplex` computes one more pixel in that case and drops it. In a stream that computes short rows one by one,
    that is a large part of the work.
    """
    operator, pairwise, pixels = site.operator, conv2d_biplex(site), site.output.size_bytes // site.output.shape[-1]
    if not isinstance(operator, Conv2d) or pairwise is None or pairwise.work is None or pixels % 2 == 0:
        return None
    if not pairwise.details["side_by_side"]:
        return None
    channels, sizes = site.inputs[0].shape[-1], sizes_of(operator, site.output)
    paired = (pixels - 1) * sizes.taps  # the last pixel is computed alone
    details = {**pairwise.details, "pixel_times": largest_divisor(channels // 4, _LONGEST_BODY)}
    return replace(
        pairwise,
        kernel="pointwise_biplex",
        details=details if pixels > 1 else {**details, "times": 0},
        scratch_bytes=pairwise.scratch_bytes if pixels > 1 else channels,
        takes_pitch=True,
        reads_pitch=pointwise_biplex,
        work=Work(
            products=paired * sizes.channels,
            outputs=sizes.outputs,
            gathered=paired,
            steps=sizes.channels * sizes.taps,
            body=pairwise.work.body if pixels > 1 else 0,
        ),
    )
