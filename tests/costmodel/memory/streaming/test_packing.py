"""Packings of slabs: none collide, and machine code finds the same ones as Python."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.memory.streaming import packing
from sparse_mcu.costmodel.memory.streaming.packing import Item, Shared, Slab, packed

STAGES = 6


@st.composite
def items(draw: st.DrawFn) -> tuple[Item, ...]:
    """Windows that keep rows, windows that keep none, and scratch."""
    made: list[Item] = []
    for _ in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, STAGES - 1))
        end = draw(st.integers(start + 1, STAGES))
        kept, new = draw(st.integers(0, 40)), draw(st.integers(1, 40))
        upper = Slab(start, end, kept, new)
        made.append((Slab(0, STAGES, 0, kept), upper) if kept else (upper,))
    return tuple(made)


@st.composite
def tasks(draw: st.DrawFn) -> tuple[tuple[Item, ...], Shared]:
    """Items, some of which may be overlapped by one that is born where they die."""
    made = draw(items())
    shared: dict[int, tuple[int, int, int]] = {}
    for dying, born in combinations(range(len(made)), 2):
        if len(made[dying]) == 1 and made[dying][0].end == made[born][-1].start + 1:
            shared.setdefault(dying, (dying, born, draw(st.integers(-8, 40))))
    return made, tuple(shared.values())


def collides(one: tuple[Slab, int], other: tuple[Slab, int]) -> bool:
    (a, low), (b, there) = one, other
    return a.start < b.end and b.start < a.end and low < there + b.size and there < low + a.size


def laid(item: Item, offset: int, is_turned: bool) -> list[tuple[Slab, int]]:
    """Each slab with its lowest byte."""
    if not is_turned:
        return [(slab, offset + slab.low) for slab in item]
    kept, new = item
    return [(kept, offset + new.size), (new, offset)]


@given(task=tasks())
def test_only_what_may_overlap_does(task: tuple[tuple[Item, ...], Shared]) -> None:
    made, shared = task
    height, offsets, are_turned = packed(made, shared, 0)
    placed = [laid(*each) for each in zip(made, offsets, are_turned, strict=True)]
    distance = {(dying, born): least for dying, born, least in shared if not are_turned[born]}
    for one, other in combinations(range(len(made)), 2):
        for mine in placed[one]:
            for theirs in placed[other]:
                for pair, dying, born in (((one, other), mine, theirs), ((other, one), theirs, mine)):
                    if pair in distance and born is placed[pair[1]][-1] and dying[1] - born[1] >= distance[pair]:
                        break
                else:
                    assert not collides(mine, theirs)
    assert height == max(low + slab.size for each in placed for slab, low in each)
    assert all(offset % 4 == 0 for offset in offsets)


@settings(deadline=None)  # the first answer compiles
@given(task=tasks())
def test_machine_code_finds_the_same_packing(task: tuple[tuple[Item, ...], Shared]) -> None:
    answers = []
    for interpreted in (1 << 60, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(packing, "_INTERPRETED_ITEMS", interpreted)
            answers.append(packed.__wrapped__(*task, 0))
    assert answers[0] == answers[1]


def test_a_turned_window_lets_others_use_its_lower_bytes() -> None:
    """A has 12 bytes that stay and 4 new ones in stage 0; B has 8 bytes that stay and 4 new ones in stage 1."""
    a = (Slab(0, 2, 0, 12), Slab(0, 1, 12, 4))
    b = (Slab(0, 2, 0, 8), Slab(1, 2, 8, 4))
    height, _, are_turned = packed((a, b), (), 24)
    assert height == 24, "the new rows of both lie between the rows that stay"
    assert sum(are_turned) == 1


def test_a_packing_that_cannot_be_lower_is_not_changed() -> None:
    items = (Slab(0, 1, 0, 8),), (Slab(1, 2, 0, 4),)
    assert packed(items, (), 8) == (8, (0, 0), (False, False))
