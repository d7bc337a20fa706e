"""Checks a stream by executing it on an arena of labels.

A label says which byte of which tensor a byte of the arena holds. Each call of a stage must find the labels that the
graph says it reads, and then writes its own. Every plan with a stream is checked so, in production too.

The check shares no code with what builds streams; import contracts in pyproject.toml enforce that.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import PlanError
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import AveragePool2d, AverageRows, Conv2d, MaxPool2d, Operator
from sparse_mcu.costmodel.memory.model.stream import Place, RowWindow, Stage, Stream

Labels = npt.NDArray[np.int64]

_RUBBISH = -1
_SUMS = -2  # the sums of an `AverageRows`
_FILLED = -1000  # this plus the value


def check_stream(
    graph: Graph,
    stream: Stream,
    offsets: Mapping[str, int],
    scratch_offset: int,
    arena_bytes: int,
    scratch_bytes: Mapping[str, int],
    distances: Mapping[str, Mapping[str, int]],
) -> None:
    """Refuse a stream that, executed in this arena, would not compute what the graph says.

    Args:
        graph: Its graph.
        stream: The stream.
        offsets: Where its inputs and its output lie.
        scratch_offset: Where its working memory does.
        arena_bytes: Size of the arena.
        scratch_bytes: By operator, working memory of its kernel in a call.
        distances: By operator and input, the least (start of input - start of output) of a call; none: disjoint.

    Raises:
        PlanError: The reason.
    """
    _check_form(graph, stream)
    run = _Run(graph, stream, offsets, scratch_offset, arena_bytes)
    run.scratch_bytes, run.distances = scratch_bytes, distances
    for strip in range(stream.strips):
        run.execute(strip)
    run.check_output()


def _check_form(graph: Graph, stream: Stream) -> None:
    """Refuse stages that are not the graph's operators, and fills that are not what a reader pads with."""
    known = {operator.name: operator for operator in graph.operators}
    windows = {window.tensor: window for window in stream.windows}
    for window in stream.windows:
        _check_copies(graph, stream, window)
    for stage in stream.stages:
        whole = known[stage.operator.name]
        is_average = isinstance(stage.operator, AverageRows) and isinstance(whole, AveragePool2d)
        if (type(stage.operator) is not type(whole) and not is_average) or stage.operator.output != whole.output:
            raise PlanError("is not the graph's operator", where=whole.name)
        if stage.operator.inputs != whole.inputs or stage.total_rows % stage.rows or stage.delay_rows < 0:
            raise PlanError("does not read the graph's tensors, or not in whole calls", where=whole.name)
        target = windows.get(whole.output)
        if target and (target.delay_rows, target.advance_rows) != (stage.delay_rows, stage.target.calls * stage.rows):
            raise PlanError("does not write its window at the window's pace", where=whole.name)
        if target and target.moves_first and target.period != stage.period:
            raise PlanError("moves its window on in the middle of a turn", where=whole.name)
        for name in whole.inputs:
            fill = windows[name].fill if name in windows else None
            if _pads(graph, stage, whole, name, stream.strips) and fill != _pad_value(graph, whole, name):
                raise PlanError(f"pads {name!r} with another value than its window holds", where=whole.name)


def _check_copies(graph: Graph, stream: Stream, window: RowWindow) -> None:
    """Refuse a window that is copied though it should not be, or whose copies leave columns unwritten."""
    name = window.tensor
    if window.is_loaded != (name in stream.inputs) or window.is_stored != (name == stream.output):
        raise PlanError(f"copies {name!r}, which does not lie whole in the arena, or does not", where=stream.name)
    starts = [window.column_start + strip * window.column_step for strip in range(stream.strips)]
    is_outside = min(starts) < 0 or max(starts) + window.columns > graph.tensor(name).shape[2]
    if window.is_loaded and is_outside and window.fill is None:
        raise PlanError(f"leaves columns outside {name!r} unwritten", where=stream.name)


def _pads(graph: Graph, stage: Stage, whole: Operator, name: str, strips: int) -> bool:
    """Whether a call reads rows (in strips: or columns) of `name` outside of it."""
    if isinstance(stage.operator, AverageRows):
        return False
    shape, target = graph.tensor(name).shape, graph.tensor(whole.output).shape
    return any(
        before > 0 or (target[axis] - 1) * stride + extent - before > shape[axis]
        for axis, (extent, stride, before) in zip((1, 2), _geometry(whole), strict=True)
        if axis == 1 or strips > 1
    )


def _pad_value(graph: Graph, whole: Operator, name: str) -> int:
    return -128 if isinstance(whole, MaxPool2d) else graph.tensor(name).quantization.zero_point


def _geometry(whole: Operator) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """(extent, stride, padding before) along rows and along columns."""
    if not isinstance(whole, Conv2d | MaxPool2d | AveragePool2d):
        return (1, 1, 0), (1, 1, 0)
    window = whole.window
    high, wide = ((kernel - 1) * by + 1 for kernel, by in zip(window.kernel, window.dilations, strict=True))
    return (high, window.strides[0], window.padding[0]), (wide, window.strides[1], window.padding[1])


class _Run:
    """The arena, and the label of every byte of every tensor."""

    scratch_bytes: Mapping[str, int]
    distances: Mapping[str, Mapping[str, int]]

    def __init__(
        self, graph: Graph, stream: Stream, offsets: Mapping[str, int], scratch_offset: int, arena_bytes: int
    ) -> None:
        self.graph, self.stream, self.offsets, self.base = graph, stream, offsets, scratch_offset
        self.arena = np.full(arena_bytes, _RUBBISH, np.int64)
        self.windows = {window.tensor: window for window in stream.windows}
        self.whole = {operator.name: operator for operator in graph.operators}
        self.labels: dict[str, Labels] = {}
        next_label = 0
        for name in (*stream.inputs, *(stage.operator.output for stage in stream.stages)):
            shape = graph.tensor(name).shape
            count = graph.tensor(name).size_bytes
            self.labels[name] = np.arange(next_label, next_label + count).reshape(shape[1:])
            next_label += count
        for name in stream.inputs:
            self._at(offsets[name], graph.tensor(name).size_bytes)[:] = self.labels[name].ravel()
        readers = {name: i for i, stage in enumerate(stream.stages) for name in stage.operator.inputs}
        self.moves = {name: readers[name] for name in self.windows if name in readers}
        self.summed = 0

    def execute(self, strip: int) -> None:
        """Execute all ticks of a strip."""
        for window in self.stream.windows:
            before = (
                slice(window.advance_rows, None) if window.moves_first else slice(window.rows - window.advance_rows)
            )
            self._window(window)[before] = _RUBBISH if window.fill is None else _FILLED + window.fill
        for tick in range(self.stream.ticks):
            loaded: set[str] = set()
            for index, stage in enumerate(self.stream.stages):
                for name in stage.operator.inputs:
                    held = self.windows.get(name)
                    if held and held.is_loaded and name not in loaded and self._ends_turn(held, tick):
                        self._load(held, tick // held.period, strip)
                        loaded.add(name)
                if (tick + 1) % stage.period == 0:
                    target = self.windows.get(stage.operator.output)
                    if target and target.moves_first:
                        self._move(target)
                    self._fire(stage, tick // stage.period, strip)
                self._end(index, stage, tick, strip)

    def check_output(self) -> None:
        """Refuse an output that is not complete."""
        labels = self.labels[self.stream.output].ravel()
        if not np.array_equal(self._at(self.offsets[self.stream.output], labels.size), labels):
            raise PlanError("does not write its whole output", where=self.stream.name)

    def _ends_turn(self, window: RowWindow, tick: int) -> bool:
        return (tick + 1) % window.period == 0

    def _end(self, index: int, stage: Stage, tick: int, strip: int) -> None:
        """Store what was written; move on what was read for the last time."""
        target = self.windows.get(stage.operator.output)
        if target and target.is_stored and self._ends_turn(target, tick):
            self._store(target, tick // target.period, strip)
        for name, last in self.moves.items():
            window = self.windows[name]
            if last == index and self._ends_turn(window, tick) and not window.moves_first:
                self._move(window)

    def _move(self, window: RowWindow) -> None:
        rows = self._window(window)
        rows[: window.rows - window.advance_rows] = rows[window.advance_rows :].copy()

    def _at(self, offset: int, size: int) -> Labels:
        if not 0 <= offset <= offset + size <= self.arena.size:
            raise PlanError("reads or writes outside the arena", where=self.stream.name)
        return self.arena[offset : offset + size]

    def _window(self, window: RowWindow) -> Labels:
        size = window.rows * window.columns * window.channels
        if not 0 <= window.offset_bytes <= window.offset_bytes + size <= self.stream.scratch_bytes:
            raise PlanError("holds a window outside its working memory", where=self.stream.name)
        return self._at(self.base + window.offset_bytes, size).reshape(window.rows, window.columns, window.channels)

    def _expected(self, name: str, rows: tuple[int, int], columns: tuple[int, int]) -> Labels:
        """Return the labels of some rows and columns; some of them may lie outside the tensor."""
        labels = self.labels[name]
        fill = self.windows[name].fill if name in self.windows else None
        found = np.full(
            (rows[1] - rows[0], columns[1] - columns[0], labels.shape[2]),
            _RUBBISH if fill is None else _FILLED + fill,
            np.int64,
        )
        top, bottom = _inside(rows, labels.shape[0])
        left, right = _inside(columns, labels.shape[1])
        found[top - rows[0] : bottom - rows[0], left - columns[0] : right - columns[0]] = labels[top:bottom, left:right]
        return found

    def _columns(self, name: str, strip: int) -> tuple[int, int]:
        """Return the columns of a tensor that a stage writes in a strip."""
        window = self.windows.get(name)
        if self.stream.strips == 1 or window is None:
            return 0, self.labels[name].shape[1]
        first = window.column_start + strip * window.column_step
        return first, first + window.columns

    def _load(self, window: RowWindow, turn: int, strip: int) -> None:
        """Copy rows from the complete tensor as it lies in the arena now."""
        labels = self.labels[window.tensor]
        source = self._at(self.offsets[window.tensor], labels.size).reshape(labels.shape)
        first = turn * window.advance_rows - window.delay_rows
        columns = self._columns(window.tensor, strip)
        left, right = _inside(columns, labels.shape[1])
        if window.moves_first:
            self._move(window)
        target = self._window(window)[window.rows - window.advance_rows :]
        target[:] = _RUBBISH if window.fill is None else _FILLED + window.fill
        for number in range(window.advance_rows):
            if 0 <= first + number < labels.shape[0]:
                target[number, left - columns[0] : right - columns[0]] = source[first + number, left:right]

    def _store(self, window: RowWindow, turn: int, strip: int) -> None:
        labels = self.labels[window.tensor]
        target = self._at(self.offsets[window.tensor], labels.size).reshape(labels.shape)
        first = turn * window.advance_rows - window.delay_rows
        columns = self._columns(window.tensor, strip)
        left, right = _inside(columns, labels.shape[1])
        source = self._window(window)[window.rows - window.advance_rows :]
        for number in range(window.advance_rows):
            if 0 <= first + number < labels.shape[0]:
                target[first + number, left:right] = source[number, left - columns[0] : right - columns[0]]

    def _address(self, place: Place, number: int, first: int) -> int:
        if place.is_window:
            return self.base + place.offset_bytes + number % place.calls * place.call_bytes
        return self.offsets[place.tensor] + place.offset_bytes + first * place.row_bytes

    def _fire(self, stage: Stage, firing: int, strip: int) -> None:
        for call in range(stage.calls):
            number = firing * stage.calls + call
            first = number * stage.rows - stage.delay_rows
            if 0 <= first < stage.total_rows:
                self._compute(stage, number, first, strip)
            elif stage.target.is_window:
                size = stage.output.size_bytes
                fill = self.windows[stage.target.tensor].fill
                self._at(self._address(stage.target, number, first), size)[:] = (
                    _RUBBISH if fill is None else _FILLED + fill
                )

    def _compute(self, stage: Stage, number: int, first: int, strip: int) -> None:
        """Check the labels that a call reads, and write those of its output."""
        name = stage.operator.name
        target = self._address(stage.target, number, first)
        scratch = self._scratch(stage, first)
        used = [(target, stage.output.size_bytes)] if not isinstance(stage.operator, AverageRows) else []
        for tensor, place in zip(stage.inputs, stage.sources, strict=True):
            at = self._address(place, number, first)
            self._check_read(stage, tensor.name, at, first, strip)
            if scratch and _meet(scratch, (at, tensor.size_bytes)):
                raise PlanError(f"reads {tensor.name!r} where its working memory is", where=name)
            least = self.distances.get(name, {}).get(tensor.name)
            meets = bool(used) and _meet(used[0], (at, tensor.size_bytes))
            if meets and (least is None or at - target < least):
                raise PlanError(f"writes over {tensor.name!r} before it is read", where=name)
        if scratch and used and _meet(scratch, used[0]):
            raise PlanError("writes where its working memory is", where=name)
        self._write(stage, target, first, strip)

    def _scratch(self, stage: Stage, first: int) -> tuple[int, int] | None:
        size = self.scratch_bytes.get(stage.operator.name, 0)
        if not size:
            return None
        if stage.scratch_offset_bytes is None or stage.scratch_offset_bytes + size > self.stream.scratch_bytes:
            raise PlanError("has no working memory", where=stage.operator.name)
        at = self.base + stage.scratch_offset_bytes
        memory = self._at(at, size)
        if isinstance(stage.operator, AverageRows):
            if first and not (memory == _SUMS).all():
                raise PlanError("loses its sums", where=stage.operator.name)
            memory[:] = _SUMS
        else:
            memory[:] = _RUBBISH
        return at, size

    def _check_read(self, stage: Stage, name: str, at: int, first: int, strip: int) -> None:
        shape = next(tensor.shape for tensor in stage.inputs if tensor.name == name)
        held = self._at(at, shape[1] * shape[2] * shape[3]).reshape(shape[1:])
        (extent, stride, before), across = _geometry(self.whole[stage.operator.name])
        if isinstance(stage.operator, AverageRows):
            extent, stride, before, across = 1, 1, 0, (1, 1, 0)
        top = first * stride - before
        if shape[1] < (stage.rows - 1) * stride + extent:
            raise PlanError(f"does not reach all rows of {name!r}", where=stage.operator.name)
        left, right = 0, shape[2]
        if self.stream.strips > 1:
            begin, end = self._columns(stage.operator.output, strip)
            left = begin * across[1] - across[2]
            right = left + shape[2]
            inner = max(begin, 0), min(end, self.labels[stage.operator.output].shape[1])
            first_read, end_read = inner[0] * across[1] - across[2], (inner[1] - 1) * across[1] - across[2] + across[0]
            held, left, right = held[:, first_read - left : end_read - left], first_read, end_read
            if end_read <= first_read:
                return
        if not np.array_equal(held, self._expected(name, (top, top + shape[1]), (left, right))):
            raise PlanError(f"does not find rows {top}.. of {name!r}", where=stage.operator.name)

    def _write(self, stage: Stage, target: int, first: int, strip: int) -> None:
        name = stage.operator.output
        if isinstance(stage.operator, AverageRows):
            self.summed = stage.rows + (self.summed if first else 0)
            if first + stage.rows == stage.total_rows and self.summed == stage.total_rows:
                self._at(target, stage.output.size_bytes)[:] = self.labels[name].ravel()
            return
        labels = self._expected(name, (first, first + stage.rows), self._columns(name, strip))
        if labels.size != stage.output.size_bytes:
            raise PlanError("does not write what its window holds", where=stage.operator.name)
        self._at(target, labels.size)[:] = labels.ravel()


def _inside(ends: tuple[int, int], size: int) -> tuple[int, int]:
    """Return the ends of a stretch of rows or columns, as far as it lies inside a tensor of that size."""
    return min(max(ends[0], 0), size), min(max(ends[1], 0), size)


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two stretches of memory (offset, size) share a byte."""
    return one[0] < other[0] + other[1] and other[0] < one[0] + one[1]
