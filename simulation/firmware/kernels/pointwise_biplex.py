"""1x1 convolution on cores with DSP, an odd number of pixels: the last one is computed alone."""

from dataclasses import replace

from sparse_mcu.costmodel.graph.operators import Conv2d
from sparse_mcu.simulation.firmware.kernels.conv2d_biplex import conv2d_biplex
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.packing import largest_divisor
from sparse_mcu.simulation.firmware.kernels.work import Work, sizes_of

_LONGEST_BODY = 4  # steps of four taps: 320 bytes


def pointwise_biplex(site: Site) -> Implementation | None:
    """What `conv2d_biplex` takes, where pixels lie side by side and one is left over.

    That computes it as if there were another, which is much of the work where short rows are streamed one by one.
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
