"""First fit for many buffers, and its repair."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_mcu.costmodel.memory.checking.validator import check_placement
from sparse_mcu.costmodel.memory.model.budget import Budget
from sparse_mcu.costmodel.memory.model.plan import Buffer
from sparse_mcu.costmodel.memory.placement import greedy, placement, scan
from sparse_mcu.costmodel.memory.placement.instance import instances_of
from sparse_mcu.costmodel.memory.placement.placement import place


def drawn(count: int, seed: int) -> list[Buffer]:
    random = Random(seed)  # noqa: S311 - no secret
    starts = [random.randrange(count) for _ in range(count)]
    return [
        Buffer(f"b{number}", random.randrange(1, 64), start, start + random.randrange(1, 40))
        for number, start in enumerate(starts)
    ]


@given(count=st.integers(1, 40), seed=st.integers(0, 99))
def test_it_places_as_the_greedy_first_fit_does(count: int, seed: int) -> None:
    for instance in instances_of(drawn(count, seed)):
        order = Random(seed).sample(range(len(instance.size)), len(instance.size))  # noqa: S311 - no secret
        offset, placed = [0] * len(order), [0] * len(order)
        height = scan.first_fit(instance.size, instance.start, instance.end, order, offset, placed)
        assert offset == greedy.first_fit(instance, order)
        assert height == max(low + size for low, size in zip(offset, instance.size, strict=True))
        assert [offset[each] for each in placed] == sorted(offset)


def test_many_buffers_are_placed_in_machine_code_and_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    (instance,) = instances_of(drawn(300, 1))
    order = greedy.ranked(instance, instance.size)
    few = greedy.first_fit(instance, order)
    monkeypatch.setattr(greedy, "MANY", 300)
    assert greedy.first_fit(instance, order) == few


def test_who_lies_too_high_goes_first() -> None:
    assert scan.complaining([3, 0, 2, 1], [5, 9, 7, 8], 7) == [3, 1, 0, 2]
    assert scan.complaining([3, 0, 2, 1], [5, 9, 7, 8], 8) == [1, 3, 0, 2]


@pytest.mark.parametrize("seed", range(3))
def test_repair_lowers_what_is_too_large_for_the_exact_search(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(placement, "MOST_EXACT", 100)
    buffers = drawn(400, seed)
    repaired = place(buffers)
    check_placement(buffers, repaired.offsets, repaired.height_bytes)
    monkeypatch.setattr(placement, "REPAIRS", 0)
    assert repaired.lower_bound_bytes <= repaired.height_bytes < place(buffers).height_bytes


def test_without_time_the_first_ranking_is_the_answer() -> None:
    buffers = drawn(400, 0)
    hasty = place(buffers, meter=Budget(seconds=0).start())
    check_placement(buffers, hasty.offsets, hasty.height_bytes)
    assert hasty.lower_bound_bytes <= place(buffers).height_bytes <= hasty.height_bytes
