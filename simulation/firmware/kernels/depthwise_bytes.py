"""Fits the depthwise convolution for cores without DSP: it copies one channel at a time to a plane of bytes."""

from dataclasses import dataclass

from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of
from sparse_mcu.simulation.firmware.kernels.depthwise_planes import Rows, depthwise_of, planes_access, rows_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.packing import largest_divisor
from sparse_mcu.simulation.firmware.kernels.work import channelwise_work

_BIAS = 128  # a byte of the plane is x + 128
_LARGEST_PLANE_BYTES = 16384
_WIDEST_UNROLLED = 5  # taps of a kernel row without a loop
_MOST_UNROLLED = 25  # taps of a kernel without a loop
_LONGEST_COPY = {True: 12, False: 4}  # values of a row that one turn of the loop copies, with Thumb-2 and without
_TOGETHER = {True: 4, False: 2}  # neighbouring outputs that share the loads of weights


@dataclass(frozen=True, slots=True)
class BytePlane:
    """Describes the plane of one channel as the code sees it.

    Attributes:
        rows: The layer's rows. Their `strip` tells for how many output rows the plane is.
        together: Neighbouring outputs that are computed together.
    """

    rows: Rows
    together: int

    @property
    def row(self) -> int:
        """Bytes of a row of the plane. It holds everything that is read, and the input."""
        rows = self.rows
        read = (rows.out_width - 1) * rows.window.strides[1] + rows.window.kernel[1]
        return max(read, rows.window.padding[1] + rows.width)

    @property
    def size_bytes(self) -> int:
        """Bytes of the plane."""
        return self.row * self.rows.plane_rows

    @property
    def is_unrolled(self) -> bool:
        """Whether the code has no loop over the taps."""
        height, width = self.rows.window.kernel
        return width <= _WIDEST_UNROLLED and height * width <= _MOST_UNROLLED


def depthwise_bytes(site: Site, strip: int = 0) -> Implementation | None:
    """Takes a depthwise convolution with one output per channel, not dilated, whose plane is not too large.

    It copies a channel to working memory as bytes x + 128, inside a border that holds the input's zero point.
    Neighbouring outputs share the channel's weights. The channel is read to its end before its first output is written.

    Args:
        site: The layer.
        strip: Output rows that are computed at a time; 0 for all.
    """
    operator = depthwise_of(site)
    if operator is None or site.core.has_dsp:
        return None
    zero = site.inputs[0].quantization.zero_point + _BIAS
    sums = accumulation_of(operator, zero, every_tap_counts=True)
    rows, wide = rows_of(site, operator.window, strip), site.core.has_it_blocks
    plane = BytePlane(rows, min(_TOGETHER[wide], rows.out_width))
    if sums.zero_point != 0 or plane.size_bytes > _LARGEST_PLANE_BYTES:
        return None
    details = {
        "sums": sums,
        "plane": plane,
        "rows": rows,
        "zero": zero,
        "copied": largest_divisor(rows.width, _LONGEST_COPY[wide]),
    }
    return Implementation(
        "depthwise_bytes",
        site,
        (planes_access(site, strip),),
        sums.constants,
        details,
        plane.size_bytes,
        in_place=True,
        work=channelwise_work(operator, site.inputs[0], site.output),
    )
