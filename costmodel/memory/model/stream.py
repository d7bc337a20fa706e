"""Describes a stream: operators that are executed together, some rows at a time.

A stream runs in ticks. In each tick its stages (one for each operator) compute their rows, in order. A stage behind a
stride of 2 fires in every second tick only, so that no window holds more rows than are read at once.

A tensor inside the stream is never whole. A window holds its newest rows and the rows that are read again. So nothing
is computed twice down the rows. Rows that come from a complete tensor are copied into a window before the first stage
that reads them. Rows that go to a complete tensor are copied after the stage that wrote them. After the last stage that
reads it, a window moves on.

A stream may also cut the width into strips and run over all rows once for each strip. Then the columns at the seams of
the strips are computed again.

Example: two 3x3 convolutions with stride 1 and padding 1. In tick t row t of the input comes in. The first convolution
reads rows t - 2 .. t of it and writes its row t - 1: it is delayed by 1 row. The second one reads rows t - 3 .. t - 1
of that and writes its row t - 2: it is delayed by 2 rows. So the window between them holds 3 rows, and moves on by 1
row in each tick.

All rows and columns are those of the graph's tensors, counted from 0. Windows may also hold rows and columns outside
the tensor, filled with the padding's value.
"""

from dataclasses import dataclass

from sparse_mcu.costmodel.graph.operators import Operator
from sparse_mcu.costmodel.graph.tensor import Tensor
from sparse_mcu.costmodel.memory.model.access import AccessPattern


@dataclass(frozen=True, slots=True)
class RowWindow:
    """The rows of one tensor that a stream holds, contiguous and ascending.

    Turn n of a window takes the ticks n * period .. (n + 1) * period - 1. At its end the window's last row is row
    (n + 1) * advance_rows - delay_rows - 1 of the tensor. In the turn's last tick, after the last stage that reads it,
    the window moves on: its rows are moved down by `advance_rows`, and the oldest ones are gone. Before the first turn
    all rows but the last `advance_rows` hold `fill`, if there is a `fill`.

    If all rows of a turn are written in one tick, the memory of the last `advance_rows` rows belongs to the window only
    from the stage that writes them to the last stage that reads them. In between, others may use it.

    A window that `moves_first` moves on just before its new rows are written or loaded, in the turn's only tick with a
    write. Between its turns it holds its upper rows, and others may use the memory of the first `advance_rows` rows.
    Before the first turn all rows but the first `advance_rows` hold `fill`.

    Attributes:
        tensor: The graph's tensor.
        offset_bytes: From the start of the stream's working memory.
        rows: How many it holds, at least `advance_rows`.
        advance_rows: New rows in each turn.
        delay_rows: By how many rows its production lags behind the turn's number; 0 or more.
        columns: How many columns of each row it holds.
        column_start: First column in strip 0; negative for padding that is held in memory.
        column_step: First column of a strip minus that of the strip before it.
        channels: Bytes of a pixel.
        fill: What pixels outside the tensor hold; None if none of them is ever read.
        is_loaded: Its new rows are copied from the complete tensor in the arena, in the turn's last tick before the
            first stage that reads them; rows outside the tensor are filled.
        is_stored: Its new rows are copied to the complete tensor after the stage that writes them, in the turn's last
            tick, as far as they lie inside.
        period: Ticks in a turn.
        moves_first: See above.
    """

    tensor: str
    offset_bytes: int
    rows: int
    advance_rows: int
    delay_rows: int
    columns: int
    column_start: int
    column_step: int
    channels: int
    fill: int | None = None
    is_loaded: bool = False
    is_stored: bool = False
    period: int = 1
    moves_first: bool = False

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return self.columns * self.channels

    @property
    def size_bytes(self) -> int:
        """Bytes of the window."""
        return self.rows * self.row_bytes

    @property
    def new_bytes(self) -> int:
        """Bytes of the rows that each turn brings."""
        return self.advance_rows * self.row_bytes

    @property
    def kept_bytes(self) -> int:
        """Bytes of the rows that stay when it moves on."""
        return self.size_bytes - self.new_bytes

    def holds_outside(self, width: int, strips: int) -> bool:
        """Whether it holds columns outside a tensor of this width, in some strip."""
        return self.column_start < 0 or self.column_start + (strips - 1) * self.column_step + self.columns > width


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call of a stage reads or writes: in a window, or in a tensor that lies complete in the arena.

    Attributes:
        tensor: The graph's tensor.
        is_window: Whether it is in the stream's window of that tensor.
        offset_bytes: In a window: from the start of the stream's working memory, for the first call of a turn;
            otherwise from the start of the tensor, for the call that computes row 0.
        call_bytes: In a window: added for each later call of the same turn.
        row_bytes: In a complete tensor: added for each row that the call's first row is above row 0.
        calls: In a window: the stage's calls in one of the window's turns, in one or more firings.
    """

    tensor: str
    is_window: bool
    offset_bytes: int
    call_bytes: int = 0
    row_bytes: int = 0
    calls: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One operator of a stream.

    It fires in the ticks t with (t + 1) % period == 0, for the n-th time with n = t // period. Call c of firing n
    is its call number k = n * calls + c; it computes rows first .. first + rows - 1 with first = k * rows - delay_rows,
    if 0 <= first < total_rows; otherwise it fills these rows of its window, if that has a `fill`.
    In a window it reads or writes at offset_bytes + (k % place.calls) * call_bytes.

    Attributes:
        operator: The graph's operator in the form of one call: its window without vertical padding (and, in strips,
            without horizontal padding), its name and tensors as in the graph.
        inputs: Its input tensors at the shape that one call reads.
        output: Its output tensor at the shape that one call writes.
        sources: Where each input is read.
        target: Where the output is written.
        calls: Calls in each firing.
        rows: Rows of the output (for an `AverageRows`: of the input) in each call; divides `total_rows`.
        delay_rows: See above; 0 or more.
        total_rows: Rows of the complete tensor.
        scratch_offset_bytes: Of the kernel's working memory, from the start of the stream's; None without any.
        period: Ticks from one firing to the next.
    """

    operator: Operator
    inputs: tuple[Tensor, ...]
    output: Tensor
    sources: tuple[Place, ...]
    target: Place
    calls: int
    rows: int
    delay_rows: int
    total_rows: int
    scratch_offset_bytes: int | None
    period: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Operators that one step of a plan executes together.

    Attributes:
        name: Of the step.
        windows: What is held of which tensors.
        stages: In the order of a tick.
        ticks: How many, for each strip.
        strips: Into how many strips the width is cut; 1: rows are whole.
        inputs: Tensors that it reads and that lie complete in the arena.
        output: The tensor that it writes, complete in the arena.
        scratch_bytes: Its working memory: windows and the kernels' scratch.
        access: For each of `inputs`, the order in which the stream reads it and writes `output`.
        macs: Multiplications that it executes, those at the seams of strips included.
    """

    name: str
    windows: tuple[RowWindow, ...]
    stages: tuple[Stage, ...]
    ticks: int
    strips: int
    inputs: tuple[str, ...]
    output: str
    scratch_bytes: int
    access: tuple[AccessPattern, ...]
    macs: int

    @property
    def operators(self) -> tuple[str, ...]:
        """Names of the operators that it executes, in order."""
        return tuple(stage.operator.name for stage in self.stages)
