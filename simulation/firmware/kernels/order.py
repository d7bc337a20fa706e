"""Orders of access, put together as the templates' loops are. All addresses in bytes.

A kernel declares its order beside its template, and its memory contract follows from the declaration: a
template whose loops change must change its declaration, or the tests that overlap its input and output fail.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.graph.operators import Window
from sparse_mcu.costmodel.memory.model.access import NOTHING, AccessPattern
from sparse_mcu.simulation.firmware.kernels.kernel import Site

Addresses = npt.NDArray[np.int64]


def moments(*each: tuple[int, int]) -> AccessPattern:
    """Moments one by one: (lowest address read or NOTHING, one past the highest address written or 0).

    Those that do neither are left out.
    """
    reads, writes = zip(*(moment for moment in each if moment != (NOTHING, 0)), strict=True)
    return AccessPattern(np.array(reads, np.int64), np.array(writes, np.int64))


def elements(count: int) -> AccessPattern:
    """Each of `count` elements is read, then written at the same place: all later reads begin at the second."""
    return moments((0, 1), (1, count)) if count > 1 else moments((0, 1))


def loop(
    body: AccessPattern, reads_at: Sequence[int] | Addresses, writes_at: Sequence[int] | Addresses
) -> AccessPattern:
    """`body` again and again, each time with its reads and its writes moved.

    Args:
        body: What an iteration does.
        reads_at: For each iteration, what is added to the addresses read; NOTHING if it reads nothing.
        writes_at: For each iteration, what is added to the addresses written.
    """
    body = _shortened(body)
    reads = np.asarray(reads_at, np.int64)[:, np.newaxis] + body.lowest_read
    writes = np.asarray(writes_at, np.int64)[:, np.newaxis] + body.write_end
    return AccessPattern(reads.ravel(), writes.ravel())


def slide(window: Window, site: Site, body: AccessPattern) -> AccessPattern:
    """`body` for each output pixel, row by row; its reads are relative to the window's first pixel inside the input."""
    _, height, width, _ = site.inputs[0].shape
    _, out_height, out_width, _ = site.output.shape
    columns = first_inside(window, 1, out_width, width) * site.from_pitches[0]
    rows = first_inside(window, 0, out_height, height) * width * site.from_pitches[0]
    row = loop(body, columns, np.arange(out_width) * site.pitch)
    return loop(row, rows, np.arange(out_height) * out_width * site.pitch)


def first_inside(window: Window, axis: int, places: int, extent: int) -> Addresses:
    """For each place of the window along an axis, the first input coordinate that one of its taps meets."""
    dilation = window.dilations[axis]
    start = np.arange(places, dtype=np.int64) * window.strides[axis] - window.padding[axis]
    first = np.where(start >= 0, start, start % dilation)
    end = np.minimum(extent, start + window.kernel[axis] * dilation)
    return np.where(first < end, first, NOTHING)


def _shortened(pattern: AccessPattern) -> AccessPattern:
    """At most two moments that allow the same distances, alone and between any others.

    What comes before meets the lowest of all reads, what follows meets the highest of all writes, and
    inside, the one write and later read that are furthest apart decide.
    """
    if pattern.write_end.size <= 1:
        return pattern
    later = np.minimum.accumulate(pattern.lowest_read[::-1])[::-1][1:]
    written = np.maximum.accumulate(pattern.write_end)[:-1]
    worst = int((written - later).argmax())
    return moments(
        (int(pattern.lowest_read.min()), int(written[worst])), (int(later[worst]), int(pattern.write_end.max()))
    )
