"""Fits the plain depthwise convolution: each output channel looks at one input channel."""

import numpy as np

from sparse_mcu.costmodel.graph.operators import Conv2d
from sparse_mcu.simulation.firmware.kernels.accumulation import ONE_CHANNEL, Blocking, accumulation_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import slide
from sparse_mcu.simulation.firmware.kernels.work import channelwise_work

_WORD = 4  # channels in a 32-bit load


def depthwise(site: Site) -> Implementation | None:
    """Takes a convolution with one group per input channel, and one or several outputs of each.

    The weights are stored as [kernel_h, kernel_w, out_channels], like the pixels that they multiply.
    """
    operator = site.operator
    channels = site.inputs[0].shape[-1]
    if not isinstance(operator, Conv2d) or operator.groups != channels or channels == 1:
        return None
    sums = accumulation_of(
        operator,
        site.inputs[0].quantization.zero_point,
        every_tap_counts=not any(operator.window.padding),
        weights=np.moveaxis(operator.weights[..., 0], 0, -1),
    )
    outputs_per_channel = operator.bias.size // channels
    by_word = site.core.has_dsp and outputs_per_channel == 1 and channels >= _WORD
    blocking = Blocking(_WORD, overlaps=channels % _WORD != 0) if by_word else ONE_CHANNEL
    details = {"sums": sums, "blocking": blocking, "outputs_per_channel": outputs_per_channel}
    access = slide(operator.window, site, blocking.access(operator.bias.size, channels, 1))
    return Implementation(
        "depthwise",
        site,
        (access,),
        sums.constants,
        details,
        takes_pitch=True,
        reads_pitch=depthwise,
        work=channelwise_work(operator, site.inputs[0], site.output),
    )
