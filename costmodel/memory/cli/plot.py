"""Draws a plan as a picture: time to the right, addresses upwards, and a list of the letters beside it."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, combinations
from math import ceil
from pathlib import Path

from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import StrMethodFormatter

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.files import write_atomically
from sparse_mcu.costmodel.memory.cli.map import keys_of
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan
from sparse_mcu.costmodel.memory.model.stream import RowWindow
from sparse_mcu.costmodel.memory.planning.explain import placed, readable, shared_regions
from sparse_mcu.costmodel.report import PlacedBuffer

FORMATS = (".svg", ".png")
_COLORS = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#0072b2", "#d55e00")
"""Okabe and Ito, "Color Universal Design" (2008): told apart by every kind of colour vision."""
_SCRATCH_COLOR = "#bbbbbb"
_DARK = {"#0072b2", "#d55e00", "#009e73"}

_STREAM_UNITS = 3
"""A stream is as wide as so many other steps, so that its windows can be read."""
_INSET = 0.12
_LEFT, _BOTTOM, _TOP, _HEIGHT, _GAP, _COLUMN = 0.9, 1.9, 0.8, 5.6, 0.3, 3.7  # inches
_LINE, _BELOW = 0.165, 1.6  # inches of a line of the list, and of the list below the arena
_LETTER, _DIGIT = 0.13, 0.065  # inches that a letter is high and a character is wide
_ROW = 0.04  # inches that a row must be high for its border to be drawn
_NAME, _STEP_NAME = 34, 24  # characters in the list and below the axis


_Part = tuple[float, float, int, int]
"""Times and addresses: [left, right), [low, high)."""


@dataclass(frozen=True, slots=True)
class _Shared:
    """Bytes [low, high) that two buffers use during times [left, right), and the elder's colour."""

    left: float
    right: float
    low: int
    high: int
    color: str


@dataclass(frozen=True, slots=True)
class _Box:
    """A buffer or a stream's window, which takes bytes [low, high) during times [left, right); a window has rows."""

    buffer: str
    key: str
    name: str
    left: float
    right: float
    low: int
    high: int
    color: str
    rows: int = 0
    has_windows: bool = False

    @property
    def text_color(self) -> str:
        return "white" if self.color in _DARK else "black"

    @property
    def size(self) -> str:
        if self.rows:
            return "1 row" if self.rows == 1 else f"{self.rows} rows"
        return f"{self.high - self.low:,}"


@dataclass(frozen=True)
class _Scene:
    """A plan, and where its steps begin in the picture."""

    plan: MemoryPlan

    @cached_property
    def times(self) -> list[int]:
        """[steps + 1] the times at which each step begins, and at which the last one ends."""
        widths = [_STREAM_UNITS if step in self.plan.streams else 1 for step in self.plan.schedule] or [1]
        return [0, *accumulate(widths)]

    @cached_property
    def buffers(self) -> list[PlacedBuffer]:
        """The buffers in the order of birth, in which the map's letters are given."""
        found = placed((each for each in self.plan.buffers if each.size_bytes), self.plan.offsets)
        return sorted(found, key=lambda each: (each.start, each.end, each.offset_bytes, each.buffer))

    def boxes(self) -> Iterator[_Box]:
        """Yield all buffers, each followed by the windows inside it."""
        keys, tensors = keys_of(self.buffers), 0
        for each in self.buffers:
            step = each.buffer.removesuffix(".scratch")
            is_scratch = step != each.buffer and step in self.plan.schedule
            stream = self.plan.streams.get(step) if is_scratch else None
            name = f"stream of {len(stream.operators)}, working memory" if stream else readable(each.buffer, _NAME)
            color = _SCRATCH_COLOR if is_scratch else _COLORS[tensors % len(_COLORS)]
            tensors += not is_scratch
            low, key = each.offset_bytes, keys[each.buffer]
            box = _Box(
                each.buffer, key, name, self._at(each.start), self._at(each.end), low, low + each.size_bytes, color
            )
            yield replace(box, has_windows=bool(stream))
            windows = stream.windows if stream else ()
            for number, window in enumerate(windows):
                shade = to_hex(colormaps["cividis"](0.5 + 0.5 * number / len(windows)))
                start = low + window.offset_bytes
                yield replace(
                    box,
                    buffer="",
                    key=f"{key}{number + 1}",
                    name=_window_name(window, _NAME),
                    left=box.left + _INSET,
                    right=box.right - _INSET,
                    low=start,
                    high=start + window.size_bytes,
                    color=shade,
                    rows=window.rows,
                )

    def _at(self, step: int) -> int:
        return self.times[min(step, len(self.times) - 1)]


def plot_plan(plan: MemoryPlan, path: Path, title: str = "") -> None:
    """Draw `plan` into an SVG or PNG file; the same plan gives the same bytes.

    Buffers are boxes with the letters of the terminal's map; a list beside them has names and sizes. Scratch memory is
    grey; in the working memory of a stream stand the rows of each tensor that it holds. Bytes that two use have both
    colours, and the peak's step is framed.

    Args:
        plan: What to draw.
        path: The file.
        title: Name of what is planned, for the first line.

    Raises:
        SparseMcuError: The file is neither .svg nor .png, or cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise SparseMcuError(f"cannot draw {kind or 'a file without suffix'}", where=str(path), fix="Use .svg or .png.")
    image = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if kind == ".svg" else {"Software": None}
    with rc_context({"svg.hashsalt": "plan", "svg.fonttype": "none", "text.parse_math": False, "hatch.linewidth": 2.0}):
        _figure(_Scene(plan), title).savefig(image, format=kind[1:], metadata=metadata, dpi=150)
    write_atomically(path, image.getvalue())


def _figure(scene: _Scene, title: str) -> Figure:
    """Make the drawing, with the list beside it in as many columns as it needs."""
    boxes = [*scene.boxes()]
    tall = _HEIGHT + _BELOW
    columns = ceil(len(boxes) * _LINE / tall)
    lines = ceil(len(boxes) / max(columns, 1))
    wide = max(6.0, min(20.0, 0.48 * scene.times[-1]))
    figure = Figure(figsize=(_LEFT + wide + _GAP + columns * _COLUMN, _BOTTOM + _HEIGHT + _TOP))
    FigureCanvasAgg(figure)
    width, height = figure.get_size_inches()
    axes = figure.add_axes((_LEFT / width, _BOTTOM / height, wide / width, _HEIGHT / height))
    _draw(axes, scene, boxes, wide)
    plan = scene.plan
    arena = f"arena {plan.arena_bytes:,} bytes, {_proof(plan)}; striped: bytes that two use"
    axes.set_title(f"{title}\n{arena}" if title else arena, loc="left", fontsize=10, pad=18)
    left = _LEFT + wide + _GAP
    beside = figure.add_axes((left / width, (_BOTTOM - _BELOW) / height, columns * _COLUMN / width, tall / height))
    _list(beside, boxes, lines, columns)
    return figure


def _proof(plan: MemoryPlan) -> str:
    return (
        "proven smallest"
        if plan.proven
        else f"at most {plan.arena_bytes - plan.lower_bound_bytes:,} above the smallest"
    )


def _draw(axes: Axes, scene: _Scene, boxes: Sequence[_Box], wide: float) -> None:
    plan, times = scene.plan, scene.times
    top = max(plan.arena_bytes, 1)
    inches = wide / times[-1], _HEIGHT / top
    for box in boxes:
        size = box.right - box.left, box.high - box.low
        axes.add_patch(Rectangle((box.left, box.low), *size, facecolor=box.color, edgecolor="black", linewidth=0.6))
        for row in range(1, box.rows if size[1] * inches[1] >= _ROW * box.rows else 0):
            axes.hlines(box.low + row * size[1] / box.rows, box.left, box.right, color="white", linewidth=0.6)
    shared = [*_shared(scene, boxes)]
    for each in shared:
        size = each.right - each.left, each.high - each.low
        axes.add_patch(
            Rectangle((each.left, each.low), *size, fill=False, hatch="//", edgecolor=each.color, linewidth=0)
        )
    _label(axes, boxes, shared, inches)
    axes.set_xlim(0, times[-1])
    axes.set_ylim(0, top)
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_ylabel("address in the arena [bytes]")
    axes.set_xlabel("step of the schedule, and what it executes")
    if plan.schedule:
        _name_steps(axes, scene, inches[0])
        _mark_peak(axes, scene)
    else:
        axes.set_xticks([])


def _shared(scene: _Scene, boxes: Sequence[_Box]) -> Iterator[_Shared]:
    """Find where two buffers, or two windows of a stream, use the same bytes."""
    color_of = {box.buffer: box.color for box in boxes}
    for each in shared_regions(scene.plan):
        left, right = scene.times[each.step], scene.times[each.step + 1]
        yield _Shared(left, right, each.low, each.high, color_of[each.dying])
    for one, other in combinations([box for box in boxes if box.rows], 2):
        low, high = max(one.low, other.low), min(one.high, other.high)
        if one.left == other.left and low < high:
            yield _Shared(one.left, one.right, low, high, one.color)


def _label(axes: Axes, boxes: Sequence[_Box], shared: Sequence[_Shared], inches: tuple[float, float]) -> None:
    """Write the letter and size of each box if there is room; boxes in the same place share one text."""
    at: dict[_Part, list[_Box]] = {}
    for box in boxes:
        if not box.has_windows:
            at.setdefault(_own_part(box, shared), []).append(box)
    for (left, right, low, high), found in at.items():
        wide, tall = (right - left) * inches[0], (high - low) * inches[1]
        keys, size = " ".join(box.key for box in found), found[0].size if len(found) == 1 else ""
        if tall < _LETTER or wide < _DIGIT * (len(keys) + 1):
            continue
        beside = f"{keys} {size}".rstrip()
        text = keys if wide < _DIGIT * (len(beside) + 1) else beside
        if size and tall >= 2 * _LETTER and wide >= _DIGIT * (len(size) + 1):
            text = f"{keys}\n{size}"
        middle = (left + right) / 2, (low + high) / 2
        axes.text(*middle, text, ha="center", va="center", fontsize=7, color=found[-1].text_color)


def _own_part(box: _Box, shared: Sequence[_Shared]) -> _Part:
    """Find the largest rectangle of a box that nobody else uses; the first shared one if all of it is shared."""
    inside = [
        (max(each.left, box.left), min(each.right, box.right), max(each.low, box.low), min(each.high, box.high))
        for each in shared
    ]
    inside = [part for part in inside if part[0] < part[1] and part[2] < part[3]]
    free: list[_Part] = []
    for left, right in combinations(sorted({box.left, box.right, *(time for part in inside for time in part[:2])}), 2):
        taken = sorted((low, high) for first, last, low, high in inside if first < right and last > left)
        bottom = box.low
        for low, high in (*taken, (box.high, box.high)):
            if low > bottom:
                free.append((left, right, bottom, low))
            bottom = max(bottom, high)
    whole = (box.left, box.right, box.low, box.high)
    shown = min(inside, default=whole)
    return max(free, key=lambda part: (part[1] - part[0]) * (part[3] - part[2]), default=shown)


def _name_steps(axes: Axes, scene: _Scene, inch: float) -> None:
    """Number and name as many steps below the axis as there is room for, the peak's in bold."""
    schedule, times, streams = scene.plan.schedule, scene.times, scene.plan.streams
    peak, every = schedule.index(scene.plan.peak_step), ceil(_LETTER / inch)
    shown = [step for step in range(len(schedule)) if step == peak or (step % every == 0 and abs(step - peak) >= every)]
    names = [
        f"stream of {len(streams[name].operators)}" if name in streams else readable(name, _STEP_NAME)
        for name in (schedule[step] for step in shown)
    ]
    middles = [(times[step] + times[step + 1]) / 2 for step in shown]
    numbered = [f"{name}  {step}" for name, step in zip(names, shown, strict=True)]
    axes.set_xticks(middles, numbered, rotation=90, fontsize=7)
    axes.get_xticklabels()[shown.index(peak)].set_fontweight("bold")


def _mark_peak(axes: Axes, scene: _Scene) -> None:
    """Frame the peak's step, and write its bytes above it."""
    plan, peak = scene.plan, scene.plan.schedule.index(scene.plan.peak_step)
    left, right = scene.times[peak], scene.times[peak + 1]
    frame = Rectangle((left, 0), right - left, plan.arena_bytes, fill=False, linewidth=2.2, clip_on=False)
    axes.add_patch(frame)
    is_early = left + right < scene.times[-1]
    axes.annotate(
        f"peak: {plan.peak_live_bytes:,} bytes live in step {peak}",
        (left if is_early else right, plan.arena_bytes),
        xytext=(0, 4),
        textcoords="offset points",
        ha="left" if is_early else "right",
        fontsize=8,
        fontweight="bold",
    )


def _list(axes: Axes, boxes: Sequence[_Box], lines: int, columns: int) -> None:
    """Write a line for each box: colour, letter, name, bytes."""
    axes.set_axis_off()
    axes.set_xlim(0, max(columns, 1) * _COLUMN)
    axes.set_ylim(_HEIGHT + _BELOW, 0)
    for index, box in enumerate(boxes):
        column, line = divmod(index, lines)
        left, middle = column * _COLUMN + (0.15 if box.rows else 0.0), (line + 0.5) * _LINE
        patch = Rectangle((left, middle - 0.05), 0.16, 0.1, facecolor=box.color, edgecolor="black", linewidth=0.5)
        axes.add_patch(patch)
        axes.text(left + 0.24, middle, box.key, va="center", fontsize=7.5, fontweight="bold")
        axes.text(left + 0.55, middle, box.name, va="center", fontsize=7.5)
        size = f"{box.high - box.low:,}"
        axes.text((column + 1) * _COLUMN - 0.35, middle, size, va="center", ha="right", fontsize=7.5)


def _window_name(window: RowWindow, length: int) -> str:
    """Say how many rows of which tensor a window holds."""
    head = f"{window.rows} {'row' if window.rows == 1 else 'rows'} of "
    return head + readable(window.tensor, length - len(head))
