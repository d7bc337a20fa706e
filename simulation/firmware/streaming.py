"""Writes the C of a stream: what is loaded, computed, filled, stored and moved in each tick, and in which order.

What stays the same while the stream runs is decided here. The generated code tests no condition that always holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import AverageRows
from sparse_mcu.costmodel.memory.model.stream import Place, RowWindow, Stage, Stream
from sparse_mcu.simulation.firmware.rendering import c_identifier, indented, plus, render

Part = Literal["move", "load", "store", "border"]
_WORD_BYTES = 4
_TEMPLATE = "templates/modules/stream.c.j2"


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Describes a window as the code sees it.

    Attributes:
        window: The window.
        symbol: The C pointer to it.
        height: Rows of the complete tensor.
        width: Columns of the complete tensor.
        complete: The C pointer to the complete tensor; empty if there is none.
        strips: How many strips the width is cut into.
    """

    window: RowWindow
    symbol: str
    height: int
    width: int
    complete: str
    strips: int

    @property
    def moves_words(self) -> bool:
        """Whether its rows can be moved word by word: each begins at a word and has whole words."""
        return self.window.row_bytes % _WORD_BYTES == 0

    @property
    def new_rows(self) -> str:
        """C expression: the address of the rows that arrive in each turn."""
        return f"{self.symbol}{plus(self.window.kept_bytes)}"

    @property
    def kept_rows(self) -> str:
        """C expression: the address, between two turns, of the rows that stay."""
        return f"{self.symbol}{plus(self.window.new_bytes)}" if self.window.moves_first else self.symbol

    @property
    def begins_filled(self) -> bool:
        """Whether the first turns read rows above the tensor, which must be filled before."""
        return self.window.fill is not None and self.window.kept_bytes > 0

    @property
    def is_cut(self) -> bool:
        """Whether its rows differ from the tensor's rows.

        The rows of a strip may be as wide as those of the tensor and still begin at another column.
        """
        return self.strips > 1 or self.window.column_start != 0 or self.window.columns != self.width

    @property
    def column(self) -> str:
        """C expression: the first column that it holds."""
        start, step = self.window.column_start, self.window.column_step
        return f"strip * {step}{plus(start)}" if self.strips > 1 else str(start)

    @property
    def holds_outside(self) -> bool:
        """Whether it holds columns outside the tensor in some strip."""
        return self.window.holds_outside(self.width, self.strips)


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """Describes a copy of rows: from the complete tensor ("load"), to it ("store"), or within the window ("move")."""

    kind: Literal["load", "store", "move"]
    held: Held

    @property
    def period(self) -> int:
        """The number of ticks per turn. The transfer happens in the last of them."""
        return self.held.window.period

    @property
    def row(self) -> str:
        """C expression: the first of the new rows."""
        window = self.held.window
        return f"{_scaled(_turn(window.period), window.advance_rows)}{plus(-window.delay_rows)}"

    @property
    def uses_turn(self) -> bool:
        """Whether the code needs the turn's number."""
        return self.kind != "move"


@dataclass(frozen=True, slots=True, eq=False)
class Computation:
    """Describes the calls of a stage in one turn.

    Attributes:
        stage: The stage.
        layer: The C function of one call.
        condition: C expression that tells whether there is something to compute; empty if there always is.
        arguments: C expressions.
        target: The window that it writes; None if it writes a complete tensor.
    """

    stage: Stage
    layer: str
    condition: str
    arguments: tuple[str, ...]
    target: Held | None
    kind: Literal["compute"] = "compute"

    @property
    def period(self) -> int:
        """The number of ticks per turn. The calls happen in the last of them."""
        return self.stage.period

    @property
    def row(self) -> str:
        """C expression: the first row of a call."""
        stage = self.stage
        call = f" + {_scaled('call', stage.rows)}" if stage.calls > 1 else ""
        return f"{_scaled(_turn(stage.period), stage.calls * stage.rows)}{call}{plus(-stage.delay_rows)}"

    @property
    def uses_row(self) -> bool:
        """Whether the code needs the first row of a call."""
        return bool(self.condition) or any("row" in argument.split() for argument in self.arguments)

    @property
    def uses_turn(self) -> bool:
        """Whether the code needs the turn's number."""
        return self.uses_row or any(_turn(self.period) in argument for argument in self.arguments)

    @property
    def written(self) -> str:
        """C expression: the address that the call writes to."""
        return self.arguments[len(self.stage.inputs)]

    @property
    def fills(self) -> bool:
        """Whether rows outside the tensor are filled."""
        return bool(self.condition) and self.target is not None and self.target.window.fill is not None

    @property
    def has_border(self) -> bool:
        """Whether columns outside the tensor are filled."""
        return self.target is not None and self.target.window.fill is not None and self.target.holds_outside


Action = Transfer | Computation


def stream_code(graph: Graph, stream: Stream, symbol: str, layer_symbols: Mapping[str, str]) -> str:
    """Returns the C of a stream: its own function, preceded by the helper functions that it calls.

    The stream's function takes the inputs, the output and the working memory.

    Args:
        graph: The graph of the stream.
        stream: The stream.
        symbol: The name of its function.
        layer_symbols: Operator -> the C function of one call.
    """
    inputs = {name: "input" if len(stream.inputs) == 1 else f"input_{i}" for i, name in enumerate(stream.inputs)}
    complete = {**inputs, stream.output: "output"}
    held = _held(graph, stream, complete)
    actions = [*_actions(stream, held, complete, layer_symbols)]
    functions = [
        render(
            _TEMPLATE, part=part, name=f"{symbol}_{part}" + (f"_{each.symbol}" if each else ""), held=each, rows=rows
        )
        for part, each, rows in _parts(actions)
    ]
    functions.append(
        render(
            _TEMPLATE,
            part="loop",
            name=symbol,
            stream=stream,
            inputs=inputs,
            windows=[*held.values()],
            turns=[(period, [*same]) for period, same in groupby(actions, lambda action: action.period)],
        )
    )
    return "\n".join(map(indented, functions))


def _turn(period: int) -> str:
    """Returns the C expression for a turn's number, for turns of `period` ticks."""
    return "turn" if period > 1 else "tick"


def _scaled(value: str, factor: int) -> str:
    return value if factor == 1 else f"{value} * {factor}"


def _held(graph: Graph, stream: Stream, complete: Mapping[str, str]) -> dict[str, Held]:
    held: dict[str, Held] = {}
    for window in stream.windows:
        _, height, width, _ = graph.tensor(window.tensor).shape
        name = f"rows_{c_identifier(window.tensor)}"
        is_taken = any(each.symbol == name for each in held.values())
        symbol = f"{name}_{len(held)}" if is_taken else name
        held[window.tensor] = Held(window, symbol, height, width, complete.get(window.tensor, ""), stream.strips)
    return held


def _parts(actions: Sequence[Action]) -> list[tuple[Part, Held | None, int]]:
    """Lists the helper functions of the stream, each with its window and its number of rows."""
    parts: list[tuple[Part, Held | None, int]] = []
    if any(isinstance(action, Transfer) and action.kind == "move" and action.held.moves_words for action in actions):
        parts.append(("move", None, 0))
    for action in actions:
        if isinstance(action, Transfer) and action.kind != "move":
            parts.append((action.kind, action.held, action.held.window.advance_rows))
        if isinstance(action, Computation) and action.target and action.has_border:
            parts.append(("border", action.target, action.stage.rows))
    return parts


def _actions(
    stream: Stream, held: Mapping[str, Held], complete: Mapping[str, str], layer_symbols: Mapping[str, str]
) -> Iterator[Action]:
    """Yields everything that happens in a tick, in order."""
    readings = [(name, index) for index, stage in enumerate(stream.stages) for name in stage.operator.inputs]
    first, last = dict(reversed(readings)), dict(readings)
    for index, stage in enumerate(stream.stages):
        name = stage.operator.name
        loaded = [held[each] for each in held if first.get(each) == index and held[each].window.is_loaded]
        target = held[stage.target.tensor] if stage.target.is_window else None
        written = [*loaded, *([target] if target else [])]
        yield from (Transfer("move", each) for each in written if each.window.kept_bytes and each.window.moves_first)
        yield from (Transfer("load", each) for each in loaded)
        arguments = tuple(_arguments(stage, held, complete))
        yield Computation(stage, layer_symbols[name], _condition(stage, stream.ticks), arguments, target)
        if target and target.window.is_stored:
            yield Transfer("store", target)
        read_last = [held[each] for each in held if last.get(each) == index]
        moved = [each for each in read_last if each.window.kept_bytes and not each.window.moves_first]
        yield from (Transfer("move", each) for each in moved)


def _condition(stage: Stage, ticks: int) -> str:
    """Returns a C expression that tells whether a call's rows lie inside the tensor; empty if those of all calls do."""
    calls = ticks // stage.period * stage.calls
    is_above = stage.delay_rows > 0
    is_below = (calls - 1) * stage.rows - stage.delay_rows >= stage.total_rows
    return " && ".join(["row >= 0"] * is_above + [f"row < {stage.total_rows}"] * is_below)


def _arguments(stage: Stage, held: Mapping[str, Held], complete: Mapping[str, str]) -> Iterator[str]:
    """Yields the arguments of a call: inputs, output, working memory if any, and for `AverageRows` the row."""
    for place in (*stage.sources, stage.target):
        yield _in_window(stage, place, held[place.tensor]) if place.is_window else _in_tensor(place, complete)
    if stage.scratch_offset_bytes is not None:
        yield f"scratch{plus(stage.scratch_offset_bytes)}"
    if isinstance(stage.operator, AverageRows):
        yield "row"


def _in_tensor(place: Place, complete: Mapping[str, str]) -> str:
    rows = f" + {_scaled('row', place.row_bytes)}" if place.row_bytes else ""
    return f"{complete[place.tensor]}{plus(place.offset_bytes)}{rows}"


def _in_window(stage: Stage, place: Place, held: Held) -> str:
    start = f"{held.symbol}{plus(place.offset_bytes - held.window.offset_bytes)}"
    turn = _turn(stage.period)
    if place.calls == 1 or not place.call_bytes:
        return start
    if place.calls == stage.calls:
        return f"{start} + {_scaled('call', place.call_bytes)}"
    number = turn if stage.calls == 1 else f"({turn} * {stage.calls} + call)"
    return f"{start} + {number} % {place.calls} * {place.call_bytes}"
