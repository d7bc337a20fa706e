"""Fits the kernel that averages a whole map in a stream: each call adds some rows."""

from math import prod

from sparse_mcu.costmodel.graph.operators import AverageRows
from sparse_mcu.simulation.firmware.kernels.accumulation import ONE_CHANNEL
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site

_SUM_BYTES = 4


def average_pool2d_rows(site: Site) -> Implementation | None:
    """Adds rows to 32-bit sums in working memory. The sums must last from the first call to the last.

    The function has one more argument, the first of its rows. The call with row 0 begins the sums. The call with the
    last rows writes the output, which equals the whole average bit for bit. All channels have one multiplier.
    """
    operator = site.operator
    if not isinstance(operator, AverageRows) or operator.rescale.multiplier.size != 1:
        return None
    channels = site.output.shape[-1]
    pixels = prod(site.inputs[0].shape[1:3])
    return Implementation(
        "average_pool2d_rows",
        site,
        (ONE_CHANNEL.access(channels, channels, 1),),
        details={
            "pixels": pixels,
            "last_row": (operator.positions - pixels) // site.inputs[0].shape[2],
            "begin": -operator.positions * site.inputs[0].quantization.zero_point,
        },
        scratch_bytes=_SUM_BYTES * channels,
    )
