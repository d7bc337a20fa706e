"""Computes by how many rows each operator of a stretch is delayed, and how many rows of each tensor are held.

A reader has extent k, stride s and padding p above. It is delayed by d rows, the tensor that it reads by e rows. Two
formulas follow:

- The rows that it reads exist in its turn if s * d >= e + k - p - s.
- It reads s * d + p - e rows before the new ones; these must be kept.

Example: a 3x3 convolution with padding 1 and stride 1 (k = 3, p = 1, s = 1) reads a tensor that is not delayed (e = 0).
It needs d >= 0 + 3 - 1 - 1 = 1. With d = 1 it reads 1 + 1 - 0 = 2 old rows, so with 1 new row the window has 3 rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import lcm

from sparse_mcu.costmodel.memory.streaming.stretch import Stretch


@dataclass(frozen=True, slots=True)
class Rates:
    """Delays and heights of windows, in rows.

    Attributes:
        band: Rows that each operator computes in a firing.
        delay: For each tensor, by how many rows its production is delayed. For the output of an `AverageRows`, by how
            many rows its reading is.
        rows: For each tensor with a window, the rows of the window.
        advance: For each tensor with a window, the new rows in a turn.
        period: For each tensor with a window, the ticks in a turn.
    """

    band: int
    delay: Mapping[str, int]
    rows: Mapping[str, int]
    advance: Mapping[str, int]
    period: Mapping[str, int]


def rates_of(stretch: Stretch, band: int, loaded: frozenset[str]) -> Rates:
    """Find the least delays, then delay tensors further wherever that needs no more memory.

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
    """Return the greatest delay of `name` with which all its readers still find their rows."""
    latest = min(
        link.reach.stride * (delay[stretch.operators[link.reader].output] + 1) - link.reach.extent + link.reach.before
        for link in stretch.links[name]
    )
    step = band if stretch.rows(name) % band == 0 else 1
    return latest // step * step


def _reach_back(stretch: Stretch, name: str, delay: Mapping[str, int]) -> int:
    """Return how many rows before the new ones are read."""
    readers = ((link.reach, delay[stretch.operators[link.reader].output]) for link in stretch.links[name])
    return max(0, *(reach.stride * late + reach.before - delay[name] for reach, late in readers))


def _history(stretch: Stretch, held: list[str], delay: Mapping[str, int]) -> int:
    """Sum the bytes of the rows that are kept from one turn to the next."""
    return sum(_reach_back(stretch, name, delay) * stretch.row_bytes(name) for name in held)
