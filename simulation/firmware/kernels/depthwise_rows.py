"""Fits the depthwise convolution that reads its input directly, row by row: for streams, and for unpadded rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from sparse_mcu.costmodel.graph.operators import Window
from sparse_mcu.costmodel.memory.model.access import NOTHING, AccessPattern
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of
from sparse_mcu.simulation.firmware.kernels.depthwise_planes import depthwise_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import loop, moments
from sparse_mcu.simulation.firmware.kernels.work import Work, sizes_of
from sparse_mcu.simulation.firmware.source import Constant

_MOST_TAPS = 15  # registers or the stack hold their weights, and the columns in use
_LONGEST_ROW = 6  # outputs of a row without a loop
_TOGETHER = {True: 4, False: 2}  # neighbouring outputs that share the loads of weights on cores without DSP


@dataclass(frozen=True, slots=True)
class Steps:
    """Describes neighbouring outputs of a row that are computed in steps of some outputs each.

    Column k of a step is the input column that tap k of the step's first output meets.

    Attributes:
        first: The first output.
        outputs: Outputs of a step.
        times: How many steps.
        column: The input column that is column 0 of the first step; negative for padding.
    """

    first: int
    outputs: int
    times: int
    column: int


@dataclass(frozen=True, slots=True)
class Row:
    """Describes a row of the output as the code sees it.

    Attributes:
        width: Columns of the input.
        out_width: Columns of the output.
        window: The window.
        together: Outputs of a step.
        keeps: Whether columns are kept from one output to the next. Otherwise a step reads its own columns, row by row.
    """

    width: int
    out_width: int
    window: Window
    together: int
    keeps: bool

    @property
    def kept(self) -> int:
        """Columns that an output has in common with the next."""
        return max(0, self.window.kernel[1] - self.window.strides[1]) if self.keeps else 0

    @property
    def segments(self) -> list[Steps]:
        """All outputs of the row. In the middle, a loop of steps covers the windows that lie inside the input."""
        if self.out_width <= (_LONGEST_ROW if self.keeps else self.together):
            return [self._steps(0, self.out_width, 1)]
        reach = self.width + self.window.padding[1] - self.window.kernel[1]
        end = min(self.out_width, reach // self.window.strides[1] + 1)
        begin = min(self.out_width, max(-(-self.window.padding[1] // self.window.strides[1]), min(self.kept, 1)))
        times = max(0, end - begin) // self.together
        tail = begin + times * self.together
        return [*self._single(0, begin), self._steps(begin, self.together, times), *self._single(tail, self.out_width)]

    def _single(self, begin: int, end: int) -> Iterator[Steps]:
        for first in range(begin, end, self.together):
            yield self._steps(first, min(self.together, end - first), 1)

    def _steps(self, first: int, outputs: int, times: int) -> Steps:
        return Steps(first, outputs, times, first * self.window.strides[1] - self.window.padding[1])

    def fresh(self, steps: Steps, output: int) -> range:
        """Returns the columns of an output that are not kept from the one before."""
        start = output * self.window.strides[1]
        return range(start + (self.kept if steps.first or output else 0), start + self.window.kernel[1])

    def all_fresh(self, steps: Steps) -> list[int]:
        """Returns the fresh columns of all outputs of a step."""
        return sorted({column for output in range(steps.outputs) for column in self.fresh(steps, output)})

    def is_inside(self, steps: Steps, column: int) -> bool:
        """Whether the input has that column."""
        return 0 <= steps.column + column < self.width

    @property
    def values_read(self) -> int:
        """How many values of one channel are read for a row of the output."""
        columns = (
            segment.times * sum(self.is_inside(segment, column) for column in self.all_fresh(segment))
            for segment in self.segments
        )
        return sum(columns) * self.window.kernel[0]

    @property
    def weights_read(self) -> int:
        """How many weights of one channel are read for a row of the output: once for the row, or once for each step."""
        readings = 1 if self.keeps else sum(segment.times for segment in self.segments)
        return readings * prod(self.window.kernel)

    @property
    def order(self) -> AccessPattern:
        """The order of access of one channel, in columns of the input and pixels of the output."""
        return moments(*(each for segment in self.segments for each in self._moments(segment)))

    def _moments(self, segment: Steps) -> Iterator[tuple[int, int]]:
        for time in range(segment.times):
            steps = self._steps(segment.first + time * segment.outputs, segment.outputs, 1)
            if self.keeps:
                groups = [(output + 1, [*self.fresh(steps, output)]) for output in range(steps.outputs)]
            else:
                groups = [(steps.outputs, self.all_fresh(steps))]
            for written, columns in groups:
                inside = (steps.column + column for column in columns if self.is_inside(steps, column))
                yield min(inside, default=NOTHING), steps.first + written


def depthwise_rows(site: Site) -> Implementation | None:
    """Takes a depthwise convolution with few taps, one output per channel, no dilation, and no padding above and below.

    Nothing is copied. With DSP, a word holds two values of a column, and stays in a register for all outputs that use
    it. Without DSP, neighbouring outputs share the loads. Columns outside the input count as the zero point.
    """
    operator, channels = depthwise_of(site), site.inputs[0].shape[-1]
    if operator is None or operator.window.padding[0] or operator.window.padding[2]:
        return None
    window, zero = operator.window, site.inputs[0].quantization.zero_point
    sums = accumulation_of(operator, zero, every_tap_counts=True)
    if sums.zero_point != 0 or operator.weights[0].size > _MOST_TAPS:
        return None
    width, (_, out_height, out_width, _) = site.inputs[0].shape[2], site.output.shape
    row = Row(width, out_width, window, min(_TOGETHER[site.core.has_it_blocks], out_width), keeps=site.core.has_dsp)
    blocks = np.stack([sums.bias, sums.multipliers], axis=1)
    times, sizes = sum(steps.outputs for steps in row.segments), sizes_of(operator, site.output)
    per_row = out_height * channels
    weights = Constant("weights", operator.weights.reshape(channels, -1), "weights")
    return Implementation(
        "depthwise_rows",
        site,
        (_access(row, site, out_height, channels),),
        (weights, Constant("blocks", blocks, "constants")) if site.core.has_dsp else sums.constants,
        {"row": row, "sums": sums, "zero": zero, "times": times},
        takes_pitch=True,
        reads_pitch=depthwise_rows,
        work=Work(
            products=sizes.outputs * sizes.taps,
            outputs=sizes.outputs,
            gathered=per_row * row.values_read,
            steps=per_row * row.weights_read,
            body=times,
        ),
    )


def _access(row: Row, site: Site, out_height: int, channels: int) -> AccessPattern:
    """Returns the order of access: row by row, channel by channel, from left to right."""
    order, channel = row.order, np.arange(channels)
    reads = np.where(order.lowest_read == NOTHING, NOTHING, order.lowest_read * site.from_pitches[0])
    ends = (order.write_end - 1) * site.pitch + 1
    one_row = loop(AccessPattern(reads, ends), channel, channel)
    below = np.arange(out_height)
    stride = row.window.strides[0] * row.width * site.from_pitches[0]
    return loop(one_row, below * stride, below * site.output.shape[2] * site.pitch)
