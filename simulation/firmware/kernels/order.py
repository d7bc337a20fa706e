"""Builds orders of access from parts, in the way in which the templates' loops are nested. All addresses are in bytes.

A kernel declares its order beside its template, and the memory contract follows from the declaration. So whoever
changes the loops of a template must change the declaration. Otherwise the tests fail that overlap input and output.

Example: a 1x1 convolution reads pixels of 4 bytes and writes pixels of 2 bytes. One pixel is the moment (0, 2): it
reads from byte 0 on, and writes up to byte 2. For 3 pixels, `loop` moves the reads by 0, 4 and 8, and the writes by
0, 2 and 4. That gives the moments (0, 2), (4, 4) and (8, 6). After the first moment 2 bytes are written, and byte 4
is the lowest byte that is still to be read. After the second moment the two numbers are 4 and 8. The worst difference,
2 - 4 = -2, is the safe distance: the output may begin up to 2 bytes above the input.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.graph.operators import Window
from sparse_mcu.costmodel.memory.model.access import NOTHING, AccessPattern
from sparse_mcu.simulation.firmware.kernels.kernel import Site

Addresses = npt.NDArray[np.int64]


def moments(*each: tuple[int, int]) -> AccessPattern:
    """Returns an order from its moments: pairs of the lowest address read and the end of what is written.

    A moment that reads nothing has `NOTHING`, a moment that writes nothing has 0. Moments that do neither are left out.
    """
    reads, writes = zip(*(moment for moment in each if moment != (NOTHING, 0)), strict=True)
    return AccessPattern(np.array(reads, np.int64), np.array(writes, np.int64))


def elements(count: int) -> AccessPattern:
    """Returns the order of a kernel that reads each of `count` bytes and then writes the byte at the same place.

    Two moments are enough for it: all reads after the first write begin at the second byte.
    """
    return moments((0, 1), (1, count)) if count > 1 else moments((0, 1))


def loop(
    body: AccessPattern, reads_at: Sequence[int] | Addresses, writes_at: Sequence[int] | Addresses
) -> AccessPattern:
    """Repeats `body`, each time with other addresses.

    Args:
        body: What one iteration does.
        reads_at: For each iteration, what is added to the addresses read; NOTHING if it reads nothing.
        writes_at: For each iteration, what is added to the addresses written.
    """
    body = _shortened(body)
    reads = np.asarray(reads_at, np.int64)[:, np.newaxis] + body.lowest_read
    writes = np.asarray(writes_at, np.int64)[:, np.newaxis] + body.write_end
    return AccessPattern(reads.ravel(), writes.ravel())


def slide(window: Window, site: Site, body: AccessPattern) -> AccessPattern:
    """Repeats `body` for each output pixel, row by row.

    The reads of `body` are relative to the first pixel of the window that lies inside the input.
    """
    _, height, width, _ = site.inputs[0].shape
    _, out_height, out_width, _ = site.output.shape
    columns = first_inside(window, 1, out_width, width) * site.from_pitches[0]
    rows = first_inside(window, 0, out_height, height) * width * site.from_pitches[0]
    row = loop(body, columns, np.arange(out_width) * site.pitch)
    return loop(row, rows, np.arange(out_height) * out_width * site.pitch)


def first_inside(window: Window, axis: int, places: int, extent: int) -> Addresses:
    """Returns, for each place of the window along an axis, the first input coordinate that one of its taps meets."""
    dilation = window.dilations[axis]
    start = np.arange(places, dtype=np.int64) * window.strides[axis] - window.padding[axis]
    first = np.where(start >= 0, start, start % dilation)
    end = np.minimum(extent, start + window.kernel[axis] * dilation)
    return np.where(first < end, first, NOTHING)


def _shortened(pattern: AccessPattern) -> AccessPattern:
    """Reduces a pattern to at most two moments that allow the same distances, alone and in any loop.

    Three things about a pattern matter. What comes before it meets its lowest read. What follows it meets its highest
    write. Inside it, the write and the later read that are furthest apart decide.
    """
    if pattern.write_end.size <= 1:
        return pattern
    later = np.minimum.accumulate(pattern.lowest_read[::-1])[::-1][1:]
    written = np.maximum.accumulate(pattern.write_end)[:-1]
    worst = int((written - later).argmax())
    return moments(
        (int(pattern.lowest_read.min()), int(written[worst])), (int(later[worst]), int(pattern.write_end.max()))
    )
