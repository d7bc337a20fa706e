"""Fits the convolution of few channels that first gathers each window into working memory."""

from sparse_mcu.costmodel.graph.operators import Conv2d
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of, blocking_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import moments, slide
from sparse_mcu.simulation.firmware.kernels.work import matrix_work

_LARGEST_PATCH_BYTES = 128
_LONGEST_ROW = 16
_FEWEST_CHANNELS = 3


def conv2d_patch(site: Site) -> Implementation | None:
    """Takes a convolution whose kernel rows are too short to be dot products of their own, such as a first layer.

    Gathering a window costs a few cycles per tap, once. It saves more than that in every output channel. Padding is
    gathered as the input's zero point, so every tap counts.
    """
    operator = site.operator
    if not isinstance(operator, Conv2d) or operator.groups != 1 or operator.bias.size < _FEWEST_CHANNELS:
        return None
    channels, (height, width) = site.inputs[0].shape[-1], operator.window.kernel
    taps = height * width * channels
    if height == 1 or taps > _LARGEST_PATCH_BYTES or width * channels > _LONGEST_ROW:
        return None
    sums = accumulation_of(operator, site.inputs[0].quantization.zero_point, every_tap_counts=True)
    blocking = blocking_of(operator.bias.size, site.core)
    gathered_then_written = moments((0, operator.bias.size))
    return Implementation(
        "conv2d_patch",
        site,
        (slide(operator.window, site, gathered_then_written),),
        sums.constants,
        {"sums": sums, "blocking": blocking, "taps": taps},
        taps,
        takes_pitch=True,
        reads_pitch=conv2d_patch,
        work=matrix_work(operator, site.output),
    )
