"""Fits the plain convolution: no working memory, weights in their own order, any stride, padding, dilation, groups."""

from sparse_mcu.costmodel.graph.operators import Conv2d
from sparse_mcu.simulation.firmware.kernels.accumulation import ONE_CHANNEL, accumulation_of, blocking_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import slide
from sparse_mcu.simulation.firmware.kernels.work import Work, sizes_of


def conv2d(site: Site) -> Implementation | None:
    """Takes any convolution.

    With one group, undilated columns and pixels side by side, the taps of a kernel row are neighbours. Then each row is
    one dot product for several output channels at a time.
    """
    operator = site.operator
    if not isinstance(operator, Conv2d):
        return None
    unpadded = not any(operator.window.padding)
    sums = accumulation_of(operator, site.inputs[0].quantization.zero_point, every_tap_counts=unpadded)
    blocking = blocking_of(operator.bias.size, site.core) if operator.groups == 1 else ONE_CHANNEL
    joined = operator.groups == 1 and operator.window.dilations[1] == 1 and not site.is_apart
    pixel = blocking.access(operator.bias.size, operator.groups, operator.weights.shape[-1])
    sizes = sizes_of(operator, site.output)
    turns, row_taps = sizes.outputs * sizes.rows, sizes.taps // sizes.rows
    access = slide(operator.window, site, pixel)
    return Implementation(
        "conv2d",
        site,
        (access,),
        sums.constants,
        {"sums": sums, "blocking": blocking, "joined": joined},
        takes_pitch=True,
        reads_pitch=conv2d,
        work=Work(
            products=sizes.outputs * sizes.taps,
            outputs=sizes.outputs,
            gathered=turns * (row_taps % 4),  # nothing is copied here; these are the slow taps after a row's fours
            steps=turns,
            variant="grouped" if operator.groups > 1 else "",
        ),
    )
