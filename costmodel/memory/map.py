"""A drawing of an arena for the terminal: steps to the right, addresses upwards, a letter per buffer."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, pairwise
from string import ascii_letters, digits

from rich.text import Text

from costmodel.report import PlacedBuffer

SHARED = "#"
_KEYS = ascii_letters + digits
_COLORS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")


def keys_of(placement: Iterable[PlacedBuffer]) -> dict[str, str]:
    """The letter of each buffer, by birth; after 62 they begin again."""
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

    A cell shows the buffer that takes most of it over its steps, or `#` where it is mostly bytes that two buffers
    use at once. What takes less than half a cell beside others may not be seen.

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
    colors = {key: _COLORS[index % len(_COLORS)] for index, key in enumerate(keys.values())} | {SHARED: "reverse"}
    drawing = Text()
    for low, high in reversed([*pairwise(heights)]):
        drawing.append(f"{high:>{label},} ┤")
        for span in pairwise(times):
            found = _cell(placement, keys, (low, high), span)
            for key, share in _shares(found, wide):
                drawing.append(key * share, colors.get(key, ""))
        drawing.append("\n")
    drawing.append(f"{0:>{label}} └{'─' * columns * wide}\n{'':{label}}  {_ruler(times[:-1], wide)}")
    if peak is not None:
        drawing.append(f"\n{'':{label}}  {' ' * (peak * columns // steps * wide)}^ peak")
    return drawing


def _cell(
    placement: Iterable[PlacedBuffer], keys: Mapping[str, str], addresses: tuple[int, int], times: tuple[int, int]
) -> str:
    """The key of what takes most of these addresses during these steps; of two that share them, the elder first."""
    live = [each for each in placement if _area([each], addresses, times)]
    live.sort(key=lambda each: (each.start, each.end))
    areas = {keys[each.buffer]: _area([each], addresses, times) for each in live}
    for elder, younger in combinations(live, 2):
        pair, shared = (keys[elder.buffer], keys[younger.buffer]), _area([elder, younger], addresses, times)
        areas["".join(pair)] = shared
        for key in pair:
            areas[key] -= shared
    return max(areas, key=lambda key: areas[key], default=" ")


def _shares(keys: str, wide: int) -> Iterable[tuple[str, int]]:
    """A cell's characters: two buffers share it half and half where it is wide enough."""
    if len(keys) == 1:
        return [(keys, wide)]
    return [(SHARED, 1)] if wide == 1 else [(keys[0], wide // 2), (keys[1], wide - wide // 2)]


def _area(buffers: Sequence[PlacedBuffer], addresses: tuple[int, int], times: tuple[int, int]) -> int:
    """Bytes times steps that all of the buffers have in common there."""
    bottom = max(addresses[0], *(each.offset_bytes for each in buffers))
    top = min(addresses[1], *(each.offset_bytes + each.size_bytes for each in buffers))
    begin, end = max(times[0], *(each.start for each in buffers)), min(times[1], *(each.end for each in buffers))
    return max(top - bottom, 0) * max(end - begin, 0)


def _ruler(steps: Sequence[int], wide: int) -> str:
    """Numbers of steps where their columns begin."""
    ruler = ""
    for column, step in enumerate(steps):
        if not ruler or column * wide > len(ruler):
            ruler = f"{ruler:{column * wide}}{step}"
    return ruler
