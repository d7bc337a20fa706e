"""A share of an average over the whole map, as a stream makes it: some rows in each call."""

from math import prod

from sparse_mcu.costmodel.graph.operators import AverageRows
from sparse_mcu.simulation.firmware.kernels.accumulation import ONE_CHANNEL
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site

_SUM_BYTES = 4


def average_pool2d_rows(site: Site) -> Implementation | None:
    """Adds rows to 32-bit sums in working memory, which must last from the first call to the last.

    Its function has one more argument, the first of its rows: the call with row 0 begins the sums, the one with the
    last rows writes the output, bit for bit that of the whole average. One multiplier for all channels.
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
