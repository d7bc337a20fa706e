"""Depthwise convolution on cores without DSP: channel by channel, each as a plane of bytes."""

from dataclasses import dataclass

from sparse_mcu.costmodel.graph.operators import Window
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of
from sparse_mcu.simulation.firmware.kernels.depthwise_planes import depthwise_of, planes_access, rows_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.packing import largest_divisor

_BIAS = 128  # a byte of the plane is x + 128
_LARGEST_PLANE_BYTES = 16384
_WIDEST_UNROLLED = 5  # taps of a kernel row without a loop
_MOST_UNROLLED = 25  # taps
_LONGEST_COPY = {True: 12, False: 4}  # values of a row that are copied in one go
_TOGETHER = {True: 4, False: 2}  # neighbouring outputs that share the loads of weights


@dataclass(frozen=True, slots=True)
class BytePlane:
    """A channel as the code sees it.

    Attributes:
        height: Of the input.
        width: Of the input.
        out_height: Of the output.
        out_width: Of the output.
        window: The window.
        together: Neighbouring outputs that are computed together.
        strip: Output rows that the plane is for: all, or some at a time.
    """

    height: int
    width: int
    out_height: int
    out_width: int
    window: Window
    together: int
    strip: int

    @property
    def row(self) -> int:
        """Bytes of a row of the plane: all that are read, and the input."""
        read = (self.out_width - 1) * self.window.strides[1] + self.window.kernel[1]
        return max(read, self.window.padding[1] + self.width)

    @property
    def rows(self) -> int:
        """Rows of the plane: all that are read, and the input if it is for all of it."""
        read = (self.strip - 1) * self.window.strides[0] + self.window.kernel[0]
        return max(read, self.window.padding[0] + self.height) if self.strip == self.out_height else read

    @property
    def size_bytes(self) -> int:
        """Bytes of the plane."""
        return self.row * self.rows

    @property
    def is_unrolled(self) -> bool:
        """Whether the taps stand one by one in the code."""
        height, width = self.window.kernel
        return width <= _WIDEST_UNROLLED and height * width <= _MOST_UNROLLED


def depthwise_bytes(site: Site, strip: int = 0) -> Implementation | None:
    """A depthwise convolution, one output per channel, not dilated, whose plane is not too large.

    A channel is copied to working memory as bytes x + 128, inside a border that holds the input's zero point;
    neighbouring outputs share its weights. A channel is read to its end before its first output is written.

    Args:
        site: The layer.
        strip: Output rows that are computed at a time; 0 for all.
    """
    operator = depthwise_of(site)
    if operator is None or site.core.has_dsp:
        return None
    zero = site.inputs[0].quantization.zero_point + _BIAS
    sums = accumulation_of(operator, zero, every_tap_counts=True)
    lying = rows_of(site, operator.window, strip)
    wide = site.core.has_it_blocks
    together = min(_TOGETHER[wide], lying.out_width)
    plane = BytePlane(lying.height, lying.width, lying.out_height, lying.out_width, lying.window, together, lying.strip)
    if sums.zero_point != 0 or plane.size_bytes > _LARGEST_PLANE_BYTES:
        return None
    details = {
        "sums": sums,
        "plane": plane,
        "zero": zero,
        "copied": largest_divisor(plane.width, _LONGEST_COPY[wide]),
    }
    access = planes_access(site, strip)
    return Implementation("depthwise_bytes", site, (access,), sums.constants, details, plane.size_bytes, in_place=True)
