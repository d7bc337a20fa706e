"""Draws an arena for the terminal: steps to the right, addresses upwards, a letter for each buffer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from string import ascii_letters, digits

from rich.text import Text

from sparse_mcu.costmodel.report import PlacedBuffer

_KEYS = ascii_letters + digits
_COLORS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")


def keys_of(placement: Iterable[PlacedBuffer]) -> dict[str, str]:
    """Give each buffer a letter, in the order of birth; after 62 the letters begin again."""
    born = sorted(placement, key=lambda b: (b.start, b.end, b.offset_bytes, b.buffer))
    return {buffer.buffer: _KEYS[index % len(_KEYS)] for index, buffer in enumerate(born)}


def memory_map(
    placement: Sequence[PlacedBuffer],
    arena_bytes: int,
    steps: int,
    peak: int | None = None,
    *,
    width: int = 80,
    rows: int = 16,
) -> Text:
    """Draw an arena.

    A cell shows the buffer that takes most of it over its steps. If two buffers share most of a cell, the elder has the
    left half and the younger the right half; in a cell that is one column wide, the younger has all of it.

    Args:
        placement: Buffers with their lives and places.
        arena_bytes: Height of the drawing.
        steps: Length of the schedule.
        peak: The step to mark.
        width: Columns of the terminal; longer schedules show several steps in one column.
        rows: Height in lines, without the axis.
    """
    steps, rows = max(steps, 1), max(1, min(rows, arena_bytes))
    label = len(f"{arena_bytes:,}")
    room = max(width - label - 2, 1)
    columns = min(steps, room)
    wide = room // columns
    heights = [arena_bytes * row // rows for row in range(rows + 1)]
    times = [steps * column // columns for column in range(columns + 1)]
    keys = keys_of(placement)
    colors = {key: _COLORS[index % len(_COLORS)] for index, key in enumerate(keys.values())}
    drawn = [_stretches(placement, keys, span) for span in pairwise(times)]
    drawing = Text()
    for low, high in reversed([*pairwise(heights)]):
        drawing.append(f"{high:>{label},} ┤")
        for stretches in drawn:
            found = _cell(stretches, low, high)
            drawing.append(found[0] * (wide // 2), colors.get(found[0], ""))
            drawing.append(found[-1] * (wide - wide // 2), colors.get(found[-1], ""))
        drawing.append("\n")
    drawing.append(f"{0:>{label}} └{'─' * columns * wide}\n{'':{label}}  {_ruler(times[:-1], wide)}")
    if peak is not None:
        drawing.append(f"\n{'':{label}}  {' ' * (peak * columns // steps * wide)}^ peak")
    return drawing


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Bytes [low, high) during so many steps: of one buffer, or shared by two, the elder's key first."""

    keys: str
    low: int
    high: int
    steps: int


def _stretches(placement: Iterable[PlacedBuffer], keys: Mapping[str, str], times: tuple[int, int]) -> list[_Stretch]:
    """List what the buffers take in a column, each alone and any two together."""
    live = [each for each in placement if each.start < times[1] and each.end > times[0]]
    live.sort(key=lambda each: (each.start, each.end))
    found: list[_Stretch] = []
    for group in (*((each,) for each in live), *combinations(live, 2)):
        low = max(each.offset_bytes for each in group)
        high = min(each.offset_bytes + each.size_bytes for each in group)
        steps = min(times[1], *(each.end for each in group)) - max(times[0], *(each.start for each in group))
        if low < high and steps > 0:
            found.append(_Stretch("".join(keys[each.buffer] for each in group), low, high, steps))
    return found


def _cell(stretches: Iterable[_Stretch], low: int, high: int) -> str:
    """Return the key of the buffer that takes most of these addresses, or the two keys that share most of them."""
    areas: dict[str, int] = {}
    for each in stretches:
        area = max(min(high, each.high) - max(low, each.low), 0) * each.steps
        areas[each.keys] = areas.get(each.keys, 0) + area
        for key in each.keys if len(each.keys) > 1 else "":
            areas[key] -= area
    key = max(areas, key=lambda each: areas[each], default=" ")
    return key if areas.get(key) else " "


def _ruler(steps: Sequence[int], wide: int) -> str:
    """Write the numbers of steps where their columns begin."""
    ruler = ""
    for column, step in enumerate(steps):
        fits = column * wide + len(str(step)) <= len(steps) * wide
        if not ruler or (fits and column * wide > len(ruler)):
            ruler = f"{ruler:{column * wide}}{step}"
    return ruler
