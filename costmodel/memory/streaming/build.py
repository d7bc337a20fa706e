"""Builds the `Stream` of a stretch of a graph: when each stage fires, what windows hold, and where they lie."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import gcd

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import AveragePool2d, AverageRows, Conv2d, MaxPool2d, Operator
from sparse_mcu.costmodel.graph.tensor import Tensor
from sparse_mcu.costmodel.memory.model.plan import KernelContract
from sparse_mcu.costmodel.memory.model.stream import Place, RowWindow, Stage, Stream
from sparse_mcu.costmodel.memory.streaming.columns import Strips, strips_of
from sparse_mcu.costmodel.memory.streaming.rates import rates_of
from sparse_mcu.costmodel.memory.streaming.reads import access_of
from sparse_mcu.costmodel.memory.streaming.stretch import Stretch, reach_of, stretch_of
from sparse_mcu.costmodel.memory.streaming.windows import Packed, StageNeeds, pack

StageContracts = Callable[[Operator, tuple[Tensor, ...], Tensor], KernelContract | None]
"""What a kernel needs for one call of a stage: operator, inputs and output in the form of that call.

None: no kernel computes it.
"""

_Contracts = tuple[tuple[int, tuple[tuple[str, int], ...]], ...]
"""What each kernel of a stream needs: its scratch, and its safe distances."""

_LOWEST = -128  # what max pooling pads with


def build_stream(
    graph: Graph,
    operators: Sequence[Operator],
    *,
    stage_contracts: StageContracts,
    band_rows: int = 1,
    strips: int = 1,
) -> Stream | None:
    """Build the stream that executes `operators` with the least working memory that is found.

    Args:
        graph: A validated graph.
        operators: Consecutive operators of it, in a topological order.
        stage_contracts: Of the kernels.
        band_rows: Rows that each operator computes when it fires.
        strips: Into how many strips the width is cut, at most.

    Returns:
        The stream; None if they cannot be streamed together, or not so.
    """
    builder = Streams(graph).builder(operators, band_rows, strips)
    built = builder.build(stage_contracts) if builder else None
    return built.stream if built else None


class Streams:
    """Builds each stream of a graph once, whatever the order of the graph's operators and the levers are.

    Args:
        graph: A validated graph.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._stretches: dict[tuple[Operator, ...], Stretch | None] = {}
        self._builders: dict[tuple[tuple[Operator, ...], int, int], Builder | None] = {}

    def builder(self, operators: Sequence[Operator], band_rows: int, strips: int) -> "Builder | None":
        """Return a builder for operators of the graph; None if they cannot be streamed so.

        Args:
            operators: Of the graph, in a topological order.
            band_rows: Rows that each operator computes when it fires.
            strips: Into how many strips the width is cut, at most.
        """
        key = (*operators,)
        if (key, band_rows, strips) not in self._builders:
            if key not in self._stretches:
                self._stretches[key] = stretch_of(self._graph, operators)
            self._builders[key, band_rows, strips] = _builder_of(self._stretches[key], band_rows, strips)
        return self._builders[key, band_rows, strips]


def _builder_of(stretch: Stretch | None, band_rows: int, strips: int) -> "Builder | None":
    if stretch is None or (strips > 1 and stretch.ends_in_average):
        return None
    return Builder(stretch, band_rows, strips_of(stretch, strips))


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """A stream, and the bytes below which its working memory cannot be packed."""

    stream: Stream
    least_bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """An operator in the form of one call."""

    operator: Operator
    inputs: tuple[Tensor, ...]
    output: Tensor
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class _Call(_Form):
    """A form with its kernel's contract."""

    contract: KernelContract


class Builder:
    """Builds the stream of one stretch, once for each choice of kernels.

    Args:
        stretch: The stretch.
        band: Rows that each operator computes when it fires.
        strips: The cut of the width; whole for a stretch that ends in an average.
    """

    def __init__(self, stretch: Stretch, band: int, strips: Strips) -> None:
        self.stretch, self.strips = stretch, strips
        self.loaded = frozenset(name for name in stretch.inputs if self._is_loaded(name))
        self.rates = rates_of(stretch, band, self.loaded)
        self._built: dict[_Contracts, Built | None] = {}

    @cached_property
    def least_bytes(self) -> int:
        """Return a bound on the working memory: the rows that are kept, and the new rows of the largest tensor."""
        kept = new = 0
        for name, rows in self.rates.rows.items():
            row_bytes = self.strips.columns[name].count * self.stretch.graph.tensor(name).shape[-1]
            kept += (rows - self.rates.advance[name]) * row_bytes
            new = max(new, self.rates.advance[name] * row_bytes)
        return kept + new

    def build(self, stage_contracts: StageContracts) -> Built | None:
        """Build the stream; None if a window cannot serve all its readers, or a call has no kernel."""
        calls = self._calls(stage_contracts)
        if calls is None:
            return None
        key = tuple((call.contract.scratch_bytes, tuple(call.contract.safe_distance_bytes.items())) for call in calls)
        if key not in self._built:
            self._built[key] = self._build(calls)
        return self._built[key]

    def _build(self, calls: Sequence[_Call]) -> Built | None:
        windows = self._windows()
        if windows is None:
            return None
        packed = self._packed(windows, calls)
        windows = {
            name: replace(each, offset_bytes=packed.offsets[name], moves_first=name in packed.moving_first)
            for name, each in windows.items()
        }
        stages = tuple(self._stage(index, call, windows, packed) for index, call in enumerate(calls))
        stretch, last = self.stretch, stages[-1]
        firings = -(-(last.total_rows + last.delay_rows) // (last.calls * last.rows))
        stream = Stream(
            name=stretch.operators[-1].name,
            windows=tuple(windows.values()),
            stages=stages,
            ticks=firings * last.period,
            strips=self.strips.count,
            inputs=stretch.inputs,
            output=stretch.exit,
            scratch_bytes=packed.size_bytes,
            access=(),
            macs=sum(map(self._macs, stages)),
        )
        distances = calls[-1].contract.safe_distance_bytes
        access = tuple(access_of(stretch.graph, stream, name, distances.get(name)) for name in stretch.inputs)
        return Built(replace(stream, access=access), packed.least_bytes)

    def _is_loaded(self, name: str) -> bool:
        """Whether an input is read through a window: in strips, or if rows outside of it are read."""
        readers = self.stretch.links[name]
        return not self.strips.are_whole or any(self._meets_padding(link.reader, name, axis=0) for link in readers)

    def _meets_padding(self, reader: int, name: str, axis: int) -> bool:
        operator = self.stretch.operators[reader]
        reach = reach_of(operator, axis)
        if isinstance(operator, AverageRows):
            return False
        shape, target = (self.stretch.graph.tensor(each).shape for each in (name, operator.output))
        return reach.before > 0 or reach.end(target[axis + 1]) > shape[axis + 1]

    def _windows(self) -> dict[str, RowWindow] | None:
        """Return windows without offsets; None if readers pad with different values, or load in different ticks."""
        windows: dict[str, RowWindow] = {}
        for name in self.rates.rows:
            fills = {fill for link in self.stretch.links[name] if (fill := self._fill(link.reader, name)) is not None}
            strides = {link.reach.stride for link in self.stretch.links[name]}
            if len(fills) > 1 or (name in self.loaded and len(strides) > 1):
                return None
            windows[name] = self._without_gaps(self._window(name, fills.pop() if fills else None))
        if not self.strips.are_whole:
            windows[self.stretch.exit] = self._window(self.stretch.exit, None)
        return windows

    def _fill(self, reader: int, name: str) -> int | None:
        axes = (0,) if self.strips.are_whole else (0, 1)
        if not any(self._meets_padding(reader, name, axis) for axis in axes):
            return None
        is_maximum = isinstance(self.stretch.operators[reader], MaxPool2d)
        return _LOWEST if is_maximum else self.stretch.graph.tensor(name).quantization.zero_point

    def _without_gaps(self, window: RowWindow) -> RowWindow:
        """Give a loaded window with columns outside the tensor a fill.

        No result depends on these columns, but kernels that sweep whole rows read them, so they must be written.
        """
        tensor = self.stretch.graph.tensor(window.tensor)
        if window.is_loaded and window.fill is None and window.holds_outside(tensor.shape[2], self.strips.count):
            return replace(window, fill=tensor.quantization.zero_point)
        return window

    def _window(self, name: str, fill: int | None) -> RowWindow:
        rates, columns = self.rates, self.strips.columns[name]
        return RowWindow(
            tensor=name,
            offset_bytes=0,
            rows=rates.rows.get(name, rates.band),
            advance_rows=rates.advance.get(name, rates.band),
            delay_rows=rates.delay[name],
            columns=columns.count,
            column_start=columns.first,
            column_step=columns.step,
            channels=self.stretch.graph.tensor(name).shape[-1],
            fill=fill,
            is_loaded=name in self.loaded,
            is_stored=name == self.stretch.exit,
            period=rates.period.get(name, self.stretch.ticks_per_row),
        )

    def _calls(self, stage_contracts: StageContracts) -> list[_Call] | None:
        calls: list[_Call] = []
        for form in self._forms or ():
            contract = stage_contracts(form.operator, form.inputs, form.output)
            if contract is None:
                return None
            calls.append(_Call(form.operator, form.inputs, form.output, form.rows, contract))
        return calls or None

    @cached_property
    def _forms(self) -> list[_Form] | None:
        """The operators in the form of one call; None if one of them has no such form."""
        forms: list[_Form] = []
        for index in range(len(self.stretch.operators)):
            form = self._form(index)
            if form is None:
                return None
            forms.append(form)
        return forms

    def _form(self, index: int) -> _Form | None:
        operator = self.stretch.operators[index]
        rows = self._rows_in_call(index)
        height = (rows - 1) * reach_of(operator, 0).stride + reach_of(operator, 0).extent
        if height > 1 and any(self._reads_part(index, name) for name in operator.inputs):
            return None  # the rows that a call reads lie side by side
        inputs = tuple(self._shaped(name, height, self._columns_read(index, name)) for name in operator.inputs)
        rows_written = 1 if isinstance(operator, AverageRows) else rows
        output = self._shaped(operator.output, rows_written, self.strips.columns[operator.output].count)
        return _Form(_without_padding(operator, keeps_columns=self.strips.are_whole), inputs, output, rows)

    def _rows_in_call(self, index: int) -> int:
        """Return the rows of one call: the most that divide a firing, the tensor and the delay evenly.

        It is 1 if the call reads only some of a window's columns.
        """
        operator = self.stretch.operators[index]
        if any(self._reads_part(index, name) for name in operator.inputs):
            return 1
        return gcd(self.rates.band, self.stretch.rows_of(index), self.rates.delay[operator.output])

    def _reads_part(self, index: int, name: str) -> bool:
        """Whether an operator reads only some of a window's columns, because other readers need more."""
        return self._columns_read(index, name) != self.strips.columns[name].count

    def _columns_read(self, index: int, name: str) -> int:
        if self.strips.are_whole:
            return self.strips.columns[name].count
        operator = self.stretch.operators[index]
        reach = reach_of(operator, 1)
        return (self.strips.columns[operator.output].count - 1) * reach.stride + reach.extent

    def _shaped(self, name: str, rows: int, columns: int) -> Tensor:
        tensor = self.stretch.graph.tensor(name)
        return replace(tensor, shape=(1, rows, columns, tensor.shape[-1]))

    def _packed(self, windows: Mapping[str, RowWindow], calls: Sequence[_Call]) -> Packed:
        band = self.rates.band
        needs = [
            StageNeeds(
                operator=call.operator,
                contract=call.contract,
                calls=band // call.rows,
                firings=windows[call.operator.output].advance_rows // band if call.operator.output in windows else 1,
            )
            for call in calls
        ]
        return pack(needs, windows)

    def _stage(self, index: int, call: _Call, windows: Mapping[str, RowWindow], packed: Packed) -> Stage:
        operator = call.operator
        return Stage(
            operator=operator,
            inputs=call.inputs,
            output=call.output,
            sources=tuple(self._source(index, name, call.rows, windows) for name in operator.inputs),
            target=self._target(call, windows),
            calls=self.rates.band // call.rows,
            rows=call.rows,
            delay_rows=self.rates.delay[operator.output],
            total_rows=self.stretch.rows_of(index),
            scratch_offset_bytes=packed.scratch.get(operator.name),
            period=self.stretch.period(index),
        )

    def _source(self, index: int, name: str, rows: int, windows: Mapping[str, RowWindow]) -> Place:
        reach = reach_of(self.stretch.operators[index], 0)
        if name not in windows:
            return Place(name, is_window=False, offset_bytes=0, row_bytes=reach.stride * self.stretch.row_bytes(name))
        window = windows[name]
        late = self.rates.delay[self.stretch.operators[index].output]
        first = window.rows - window.advance_rows + window.delay_rows - reach.stride * late - reach.before
        return Place(
            name,
            is_window=True,
            offset_bytes=window.offset_bytes + first * window.row_bytes + self._column_shift(index, window),
            call_bytes=reach.stride * rows * window.row_bytes,
            calls=window.advance_rows // (reach.stride * rows),
        )

    def _column_shift(self, index: int, window: RowWindow) -> int:
        """Return the bytes from a window's first column to the first column that the operator reads."""
        if self.strips.are_whole:
            return 0
        operator = self.stretch.operators[index]
        reach = reach_of(operator, 1)
        first = self.strips.columns[operator.output].first * reach.stride - reach.before
        return (first - window.column_start) * window.channels

    def _target(self, call: _Call, windows: Mapping[str, RowWindow]) -> Place:
        name = call.operator.output
        if name not in windows:
            row_bytes = 0 if isinstance(call.operator, AverageRows) else self.stretch.row_bytes(name)
            return Place(name, is_window=False, offset_bytes=0, row_bytes=row_bytes)
        window = windows[name]
        return Place(
            name,
            is_window=True,
            offset_bytes=window.offset_bytes + (window.rows - window.advance_rows) * window.row_bytes,
            call_bytes=call.rows * window.row_bytes,
            calls=window.advance_rows // call.rows,
        )

    def _macs(self, stage: Stage) -> int:
        """Return the multiplications of all its calls, in all strips."""
        if not isinstance(stage.operator, Conv2d):
            return 0
        weights = stage.operator.weights
        pixels = stage.total_rows * stage.output.shape[2] * self.strips.count
        return int(pixels * weights.size)


def _without_padding(operator: Operator, *, keeps_columns: bool) -> Operator:
    """Return the operator of one call: windows hold the padding rows, and in strips also the padding columns."""
    if not isinstance(operator, Conv2d | MaxPool2d | AveragePool2d):
        return operator
    _, left, _, right = operator.window.padding
    padding = (0, left, 0, right) if keeps_columns else (0, 0, 0, 0)
    return replace(operator, window=replace(operator.window, padding=padding))
