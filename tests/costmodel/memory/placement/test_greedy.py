"""Greedy placement by rank."""

from sparse_mcu.costmodel.memory.model.plan import Buffer, Overlap
from sparse_mcu.costmodel.memory.placement.greedy import first_fit, priorities, ranked
from sparse_mcu.costmodel.memory.placement.instance import Instance, instances_of

BUFFERS = [Buffer("a", 4, 0, 2), Buffer("b", 8, 1, 3), Buffer("c", 4, 2, 4)]


def instance(overlaps: list[Overlap] | None = None) -> Instance:
    (found,) = instances_of(BUFFERS, overlaps or [])
    return found


def test_the_example_of_the_module() -> None:
    found = instance()
    order = ranked(found, found.size)
    assert [found.names[each] for each in order] == ["b", "a", "c"]
    assert first_fit(found, order) == [8 // found.unit, 0, 8 // found.unit]


def test_of_equal_priorities_the_larger_buffer_goes_first() -> None:
    assert ranked(instance(), [1, 1, 2]) == [2, 1, 0]


def test_overlaps_add_a_ranking_by_birth() -> None:
    assert len(priorities(instance())) == 4
    assert len(priorities(instance([Overlap("a", "b", 0)]))) == 5


def test_an_overlapping_buffer_goes_as_low_as_its_distance_permits() -> None:
    found = instance([Overlap("a", "b", 4)])
    assert first_fit(found, [1, 0, 2])[0] * found.unit == 4
