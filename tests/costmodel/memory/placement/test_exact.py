"""The searcher counts nodes, keeps memories apart, and obeys its switches."""

from itertools import permutations

import pytest

from sparse_mcu.costmodel.memory.model.plan import Buffer
from sparse_mcu.costmodel.memory.placement.exact import Searcher
from sparse_mcu.costmodel.memory.placement.instance import instances_of
from sparse_mcu.costmodel.memory.placement.params import PlacementParams
from sparse_mcu.costmodel.memory.placement.search_core import EXHAUSTED, FOUND, INFEASIBLE

LIVES = [(0, 1, 3), (1, 4, 2), (2, 4, 1), (3, 4, 3), (1, 3, 2), (3, 6, 1), (4, 7, 3), (2, 3, 2), (5, 6, 3), (0, 2, 3)]
(HOLLOW,) = instances_of([Buffer(f"b{i}", size, start, end) for i, (start, end, size) in enumerate(LIVES)])
"""At most 7 units are live, yet 8 are needed."""

ORDER = [*range(len(LIVES))]


def test_the_example_of_the_search_core() -> None:
    (instance,) = instances_of([Buffer("a", 4, 0, 2), Buffer("b", 8, 1, 3), Buffer("c", 4, 2, 4)])
    searcher = Searcher(instance, 1)
    height = 12 // instance.unit
    assert searcher.run(0, [1, 0, 2], height, 100)[0] == FOUND
    assert searcher.nodes == 3
    assert searcher.run(0, [1, 0, 2], height - 1, 100)[0] == INFEASIBLE
    assert searcher.nodes == 3  # seen at once


@pytest.mark.parametrize("sizes", [(8, 8, 4), (4, 8, 8)])
def test_no_placement_is_tried_if_too_much_is_live_at_once(sizes: tuple[int, int, int]) -> None:
    """At the beginning, or at the end."""
    lives = zip("abc", sizes, (0, 1, 2), (2, 3, 4), strict=True)
    (instance,) = instances_of([Buffer(*life) for life in lives])
    searcher = Searcher(instance, 1)
    assert searcher.run(0, [0, 1, 2], 15 // instance.unit, 100)[0] == INFEASIBLE
    assert searcher.nodes == 0


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_buffers_of_one_life_are_stacked_in_the_order_of_preference(order: tuple[int, ...]) -> None:
    (instance,) = instances_of([Buffer(name, 4, 0, 1) for name in "abc"])
    verdict, offsets = Searcher(instance, 1).run(0, order, 3, 100)
    assert verdict == FOUND
    assert [offsets[buffer] for buffer in order] == [0, 1, 2]


def test_nodes_add_up_over_searches_within_their_budgets() -> None:
    searcher = Searcher(HOLLOW, 1)
    assert searcher.run(0, ORDER, 7, 5)[0] == EXHAUSTED
    assert searcher.nodes == 5
    assert searcher.run(0, ORDER, 7, 10_000)[0] == INFEASIBLE
    assert searcher.run(0, ORDER, 8, 10_000)[0] == FOUND


def weights(params: PlacementParams) -> list[list[int]]:
    searcher = Searcher(HOLLOW, 2, params)
    searcher.run(0, ORDER, 7, 200)
    return searcher._weights


def test_what_a_search_learns_stays_in_its_memory() -> None:
    used, other = weights(PlacementParams())
    assert max(used) > 1
    assert {*other} == {1}


def test_nothing_is_learned_or_remembered_if_that_is_off() -> None:
    for params in (PlacementParams(learns=False), PlacementParams(remembers=False)):
        assert {*weights(params)[0]} == {1}
