"""Buffers become units and sections, group by group."""

from sparse_mcu.costmodel.memory.model.plan import Buffer, Overlap
from sparse_mcu.costmodel.memory.placement.instance import instances_of


def test_the_example_of_the_module() -> None:
    (instance,) = instances_of([Buffer("a", 8, 0, 5), Buffer("b", 12, 3, 9)])
    assert (instance.unit, instance.size, instance.members, instance.loads) == (4, [2, 3], [[0, 1]], [5])


def test_buffers_that_never_meet_are_in_different_instances() -> None:
    instances = instances_of(
        [Buffer("late", 4, 5, 6), Buffer("a", 4, 0, 2), Buffer("b", 4, 1, 3), Buffer("nil", 0, 0, 9)]
    )
    assert [each.names for each in instances] == [("a", "b"), ("late",)]


def test_an_overlap_counts_shared_units_once_and_lowers_the_rise() -> None:
    buffers = [Buffer("in", 8, 0, 2), Buffer("out", 12, 1, 3)]
    (instance,) = instances_of(buffers, [Overlap("in", "out", 4)])
    assert (instance.unit, instance.heir, instance.gap, instance.shared) == (4, [1, -1], [1, 0], [0, 2])
    assert instance.loads == [2 + 3 - 2]
    assert (instance.rise(1, 0), instance.rise(0, 1)) == (1, 2)
