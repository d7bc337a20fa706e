"""Every product of the switches gives a valid placement, and where it proves an optimum, the same one."""

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import product
from pathlib import Path

import pytest

from sparse_mcu.costmodel.memory.checking.validator import check_placement
from sparse_mcu.costmodel.memory.files.readers import read_buffers
from sparse_mcu.costmodel.memory.model.plan import Buffer, Overlap
from sparse_mcu.costmodel.memory.placement.params import DEFAULT_PARAMS, PlacementParams
from sparse_mcu.costmodel.memory.placement.placement import Placement, place

LIVES = [(0, 1, 3), (1, 4, 2), (2, 4, 1), (3, 4, 3), (1, 3, 2), (3, 6, 1), (4, 7, 3), (2, 3, 2), (5, 6, 3), (0, 2, 3)]
"""At most 7 bytes are live at any time, yet 8 are needed."""

HOLLOW = [Buffer(f"b{i}", size, start, end) for i, (start, end, size) in enumerate(LIVES)]
CROWD = [(9, 4, 5), (8, 2, 4), (11, 5, 6), (3, 2, 3), (6, 6, 10), (4, 5, 9), (9, 6, 7), (10, 5, 7), (1, 5, 7)]
"""Greedy placement needs 26 bytes, with the overlaps below; 24 will do."""

PAIRS = [("b2", "b5", 1), ("b3", "b1", -1), ("b6", "b4", -5), ("b7", "b4", -4), ("b8", "b4", 1)]
CASES: list[tuple[list[Buffer], list[Overlap], int]] = [
    (HOLLOW, [], 8),
    ([Buffer(f"b{i}", *each) for i, each in enumerate(CROWD)], [Overlap(*each) for each in PAIRS], 24),
]
SWITCHES = [each.name for each in fields(PlacementParams)]


def every_product() -> Iterator[PlacementParams]:
    for values in product((True, False), repeat=len(SWITCHES)):
        yield PlacementParams(**dict(zip(SWITCHES, values, strict=True)))


@pytest.mark.parametrize(("buffers", "overlaps", "optimum"), CASES)
def test_products_of_switches(buffers: list[Buffer], overlaps: list[Overlap], optimum: int) -> None:
    proven = 0
    for params in every_product():
        made = place(buffers, overlaps, node_budget=120, params=params)
        check_placement(buffers, made.offsets, made.height_bytes, overlaps)
        assert made.lower_bound_bytes <= optimum <= made.height_bytes
        proven += made.lower_bound_bytes == made.height_bytes
    assert proven >= 2 ** (len(SWITCHES) - 2)
    everything = place(buffers, overlaps, params=DEFAULT_PARAMS)
    assert everything.height_bytes == everything.lower_bound_bytes == optimum


def test_every_switch_turns_something(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each one off by itself makes another search than all on: with overlaps, or in how long a hard instance takes."""
    monkeypatch.setattr("sparse_mcu.costmodel.memory.placement.attempts.PATIENCE", 2)
    hard = [*read_buffers(shared_data / "minimalloc" / "K.1048576.csv")]

    def answers(params: PlacementParams) -> list[Placement]:
        small = [place(buffers, overlaps, params=params) for buffers, overlaps, _ in CASES]
        return [*small, place(hard, target_bytes=1 << 20, node_budget=20_000, params=params)]

    known = answers(DEFAULT_PARAMS)
    same = {name for name in SWITCHES if answers(replace(DEFAULT_PARAMS, **{name: False})) == known}
    assert same == {"growing_budgets"}  # they grow from round 8 on, which test_attempts.py looks at
