"""How far each operator of a stretch lags behind, and how many rows of each tensor must be held.

Everything in rows. A reader with extent k, stride s and padding p above, delayed by d rows, has in its turn what it
reads of a tensor delayed by e if s * d >= e + k - p - s, and then reaches back s * d + p - e rows behind the new ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import lcm

from sparse_mcu.costmodel.memory.streaming.stretch import Stretch


@dataclass(frozen=True, slots=True)
class Rates:
    """Delays and heights.

    Attributes:
        band: Rows that each operator computes in a firing.
        delay: By tensor, rows by which its production lags; an `AverageRows` has that of its reading, by its output.
        held: Tensors that need a window.
        rows: By tensor of these, the window's rows.
        advance: By tensor of these, new rows in the window's turn.
        period: By tensor of these, ticks in its turn.
    """

    band: int
    delay: Mapping[str, int]
    rows: Mapping[str, int]
    advance: Mapping[str, int]
    period: Mapping[str, int]


def rates_of(stretch: Stretch, band: int, loaded: frozenset[str]) -> Rates:
    """The least delays, then later production wherever that needs no more memory.

    Args:
        stretch: The operators.
        band: Rows that each of them computes in a firing.
        loaded: Those of its inputs that are read through windows.
    """
    held = [name for name in stretch.links if name in loaded or name not in stretch.inputs]
    delay = _earliest(stretch, band, loaded)
    for name in reversed(held):
        latest = _latest(stretch, band, name, delay)
        later = {**delay, name: latest}
        if latest > delay[name] and _history(stretch, held, later) <= _history(stretch, held, delay):
            delay = later
    turn = {name: lcm(*(link.reach.stride for link in stretch.links[name])) for name in held}
    advance = {name: turn[name] * band for name in held}
    return Rates(
        band=band,
        delay=delay,
        rows={name: advance[name] + _reach_back(stretch, name, delay) for name in held},
        advance=advance,
        period={name: stretch.ticks_per_row * turn[name] // stretch.scale[name] for name in held},
    )


def _earliest(stretch: Stretch, band: int, loaded: frozenset[str]) -> dict[str, int]:
    delay = dict.fromkeys(loaded, 0)
    for index, operator in enumerate(stretch.operators):
        least = 0
        for name in operator.inputs:
            if name in delay:
                reach = next(link.reach for link in stretch.links[name] if link.reader == index)
                wait = delay[name] + reach.extent - reach.before - reach.stride
                least = max(least, -(-wait // reach.stride))
        step = band if stretch.rows_of(index) % band == 0 else 1
        delay[operator.output] = -(-least // step) * step
    return delay


def _latest(stretch: Stretch, band: int, name: str, delay: Mapping[str, int]) -> int:
    """The greatest delay with which all readers of `name` have what they read, in whole bands if its rows are."""
    latest = min(
        link.reach.stride * (delay[stretch.operators[link.reader].output] + 1) - link.reach.extent + link.reach.before
        for link in stretch.links[name]
    )
    step = band if stretch.rows(name) % band == 0 else 1
    return latest // step * step


def _reach_back(stretch: Stretch, name: str, delay: Mapping[str, int]) -> int:
    """How many rows are read before the new ones."""
    readers = ((link.reach, delay[stretch.operators[link.reader].output]) for link in stretch.links[name])
    return max(0, *(reach.stride * late + reach.before - delay[name] for reach, late in readers))


def _history(stretch: Stretch, held: list[str], delay: Mapping[str, int]) -> int:
    """Bytes of rows that are kept from one turn to the next."""
    return sum(_reach_back(stretch, name, delay) * stretch.row_bytes(name) for name in held)
