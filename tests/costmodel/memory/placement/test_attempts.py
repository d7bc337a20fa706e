"""The schedule of attempts follows its rules, each of which can be switched off."""

from dataclasses import dataclass
from itertools import chain, islice

from sparse_mcu.costmodel.memory.model.plan import Buffer, Overlap
from sparse_mcu.costmodel.memory.placement.attempts import PATIENCE, Attempt, Schedule, luby
from sparse_mcu.costmodel.memory.placement.greedy import priorities, ranked
from sparse_mcu.costmodel.memory.placement.instance import Instance, instances_of
from sparse_mcu.costmodel.memory.placement.params import DEFAULT_PARAMS, PlacementParams

BUFFERS = [Buffer(f"b{i}", 7 + 5 * i % 11, i // 2, i // 2 + 2 + i % 3) for i in range(10)]


@dataclass
class Gap:
    """A height and a lowest height that do not move."""

    height: int = 1400
    lowest: int = 1000
    is_target: bool = False


def instance(overlaps: list[Overlap] | None = None) -> Instance:
    (found,) = instances_of(BUFFERS, overlaps or [])
    return found


def rounds(count: int, params: PlacementParams = DEFAULT_PARAMS, gap: Gap | None = None) -> list[list[Attempt]]:
    """The attempts of the first rounds; four rankings in round 0, three later."""
    schedule = Schedule(instance(), priorities(instance()), params)
    attempts = schedule.attempts(gap or Gap())
    later = 3 if params.promising_rankings else 4
    return [[*islice(attempts, later if number else 4)] for number in range(count)]


def test_the_example_of_the_module() -> None:
    shape = [(each[0].goal, each[0].nodes // len(BUFFERS), each[0].is_step) for each in rounds(9)]
    steps = [(1300, 2, True)] * 3
    assert shape == [(1000, 4, False), *steps, (1000, 2 * luby(2), False), *steps, (1000, 2 * luby(3), False)]


def test_round_0_takes_the_rankings_as_they_are() -> None:
    first, second = rounds(2)
    assert [each.order for each in first] == [ranked(instance(), each) for each in priorities(instance())]
    assert [each.order for each in second] != [each.order for each in first][:3]
    unshaken = rounds(3, PlacementParams(jitter=False))
    assert [each.order for each in unshaken[2]] == [each.order for each in unshaken[0]][:3]


def test_with_a_target_one_round_of_four_steps_down() -> None:
    kinds = [each[0].is_step for each in rounds(10, gap=Gap(is_target=True))]
    assert [number for number, is_step in enumerate(kinds) if is_step] == [1, 5, 9]


def test_steps_down_have_memories_of_their_own() -> None:
    first, second = rounds(2)
    assert [each.memory for each in (*first, *second)] == [0, 1, 2, 3, 4, 5, 6]
    assert Schedule(instance(), priorities(instance()), DEFAULT_PARAMS).memories == 8


def test_failures_halve_the_step_and_patience_can_be_switched_off() -> None:
    for params, goals in ((DEFAULT_PARAMS, [1300, 1350, 1375]), (PlacementParams(patience=False), [1300] * 3)):
        schedule = Schedule(instance(), priorities(instance()), params)
        found = []
        for failed in (0, PATIENCE, 2 * PATIENCE):
            schedule.failed_steps = failed
            found.append(next(each for each in schedule.attempts(Gap()) if each.is_step).goal)
        assert found == goals


def test_the_smallest_step_is_one_unit() -> None:
    assert rounds(2, gap=Gap(height=1001))[1][0].goal == 1000


def test_switches_of_goals_budgets_and_rankings() -> None:
    assert not any(each.is_step for each in chain(*rounds(8, PlacementParams(steps_down=False))))
    budgets = {each[0].nodes for each in rounds(30, PlacementParams(growing_budgets=False))[1:]}
    assert budgets == {2 * len(BUFFERS)}
    assert [each.memory for each in rounds(2, PlacementParams(promising_rankings=False))[1]] == [4, 5, 6, 7]


def test_overlaps_make_every_ranking_a_promising_one() -> None:
    buffers = [Buffer("a", 4, 0, 2), Buffer("b", 4, 1, 3), Buffer("c", 2, 0, 3)]
    (found,) = instances_of(buffers, [Overlap("a", "b", 0)])
    ways = priorities(found)
    assert len(ways) == 5
    attempts = [*islice(Schedule(found, ways, DEFAULT_PARAMS).attempts(Gap()), 10)]
    assert [each.memory for each in attempts] == [*range(10)]


def test_luby() -> None:
    assert [luby(index) for index in range(1, 16)] == [1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8]
