"""Describes in what order a stream reads its inputs and writes its output, so that they may overlap."""

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import AverageRows
from sparse_mcu.costmodel.memory.model.access import NOTHING, AccessPattern
from sparse_mcu.costmodel.memory.model.stream import RowWindow, Stage, Stream

Addresses = npt.NDArray[np.int64]


def access_of(graph: Graph, stream: Stream, name: str, distance_bytes: int | None) -> AccessPattern:
    """Return the access pattern of a stream: one moment for each tick, strip after strip.

    If the last stage reads the input directly from the arena, its calls read and write in turns within one tick. Then a
    second reading after the tick's writes stands for that: it keeps the distance that the kernel declares.

    Args:
        graph: The stream's graph.
        stream: Without `access`.
        name: One of its inputs.
        distance_bytes: How far a call of the last stage keeps its output below that input, if that is stated.
    """
    ends = np.concatenate([_write_ends(graph, stream, strip) for strip in range(stream.strips)])
    reads = np.concatenate([_lowest_reads(graph, stream, name, strip) for strip in range(stream.strips)])
    again = _reads_again(stream.stages[-1], stream.ticks, name, distance_bytes)
    begin = int((ends > 0).argmax())  # what is read before anything is written is safe
    if again is None:
        return AccessPattern(reads[begin:], ends[begin:])
    pairs = np.stack([reads, again], axis=1), np.stack([ends, np.zeros_like(ends)], axis=1)
    return AccessPattern(pairs[0][begin:].ravel(), pairs[1][begin:].ravel())


def _firings(ticks: int, period: int) -> tuple[Addresses, npt.NDArray[np.bool_]]:
    """Return for each tick the number of the firing, and whether there is one."""
    tick = np.arange(ticks, dtype=np.int64)
    return tick // period, (tick + 1) % period == 0


def _write_ends(graph: Graph, stream: Stream, strip: int) -> Addresses:
    """Return for each tick one past the highest byte of the output that it writes; 0 for none."""
    last, shape = stream.stages[-1], graph.tensor(stream.output).shape
    number, fires = _firings(stream.ticks, last.period)
    rows = (number + 1) * last.calls * last.rows - last.delay_rows
    fires &= rows > 0
    rows = np.minimum(rows, last.total_rows)
    if isinstance(last.operator, AverageRows):
        return np.where(fires & (rows == last.total_rows), graph.tensor(stream.output).size_bytes, 0)
    stored = [window for window in stream.windows if window.is_stored]
    end = (
        min(stored[0].column_start + strip * stored[0].column_step + stored[0].columns, shape[2])
        if stored
        else shape[2]
    )
    return np.where(fires, ((rows - 1) * shape[2] + end) * shape[3], 0)


def _lowest_reads(graph: Graph, stream: Stream, name: str, strip: int) -> Addresses:
    """Return for each tick the lowest byte of the input that it reads."""
    tensor = graph.tensor(name)
    row_bytes = tensor.shape[2] * tensor.shape[3]
    lowest = np.full(stream.ticks, NOTHING, np.int64)
    for window in stream.windows:
        if window.tensor == name and window.is_loaded:
            column = max(0, window.column_start + strip * window.column_step) * window.channels
            lowest = np.minimum(lowest, _loads(window, stream.ticks, tensor.shape[1], row_bytes, column))
    for stage in stream.stages:
        for place in stage.sources:
            if place.tensor == name and not place.is_window:
                number, fires = _firings(stream.ticks, stage.period)
                first = number * stage.calls * stage.rows - stage.delay_rows
                fires &= (first + stage.calls * stage.rows > 0) & (first < stage.total_rows)
                at = np.maximum(first, 0) * place.row_bytes + place.offset_bytes
                lowest = np.minimum(lowest, np.where(fires, at, NOTHING))
    return lowest


def _loads(window: RowWindow, ticks: int, rows: int, row_bytes: int, column_bytes: int) -> Addresses:
    number, loads = _firings(ticks, window.period)
    first = number * window.advance_rows - window.delay_rows
    loads &= (first + window.advance_rows > 0) & (first < rows)
    return np.where(loads, np.maximum(first, 0) * row_bytes + column_bytes, NOTHING)


def _reads_again(last: Stage, ticks: int, name: str, distance_bytes: int | None) -> Addresses | None:
    """Return for each tick the lowest byte of the second reading; None if the last stage does not read the input."""
    places = [place for place in last.sources if place.tensor == name and not place.is_window]
    if not places or isinstance(last.operator, AverageRows):
        return None
    distance = last.output.size_bytes if distance_bytes is None else distance_bytes
    number, fires = _firings(ticks, last.period)
    again = np.full(ticks, NOTHING, np.int64)
    for call in range(last.calls):
        first = (number * last.calls + call) * last.rows - last.delay_rows
        inside = fires & (first >= 0) & (first < last.total_rows)
        needed = distance + first * (last.target.row_bytes - places[0].row_bytes) - places[0].offset_bytes
        end = np.minimum((number + 1) * last.calls * last.rows - last.delay_rows, last.total_rows)
        again = np.where(inside, np.minimum(again, end * last.target.row_bytes - needed), again)
    return again
