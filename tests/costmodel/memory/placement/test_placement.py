"""Placements are valid and as low as possible."""

import csv
from collections.abc import Mapping, Sequence
from itertools import permutations, product
from pathlib import Path
from random import Random

import pytest
from above_load import above_load
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.memory.checking.validator import check_placement
from sparse_mcu.costmodel.memory.model.plan import Buffer, Overlap
from sparse_mcu.costmodel.memory.placement import search_core as packing
from sparse_mcu.costmodel.memory.placement.exact import Searcher
from sparse_mcu.costmodel.memory.placement.greedy import first_fit, priorities, ranked
from sparse_mcu.costmodel.memory.placement.instance import instances_of
from sparse_mcu.costmodel.memory.placement.orientations import Orienter
from sparse_mcu.costmodel.memory.placement.placement import place

MINIMALLOC = "ABCDEFGHIJK"


def meet(one: Buffer, other: Buffer) -> bool:
    return one.start < other.end and other.start < one.end


def smallest_height(buffers: list[Buffer]) -> int:
    """By exhaustion: some order in which each buffer goes above all earlier ones that it meets is optimal."""
    best = sum(buffer.size_bytes for buffer in buffers)
    for order in permutations(buffers):
        tops: dict[Buffer, int] = {}
        for buffer in order:
            tops[buffer] = max([0, *(top for other, top in tops.items() if meet(buffer, other))]) + buffer.size_bytes
        best = min(best, max(tops.values()))
    return best


def minimalloc(data: Path, name: str) -> list[Buffer]:
    with (data / "minimalloc" / f"{name}.1048576.csv").open(newline="") as stream:
        return [
            Buffer(row["id"], int(row["size"]), int(row["lower"]), int(row["upper"])) for row in csv.DictReader(stream)
        ]


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_equals_brute_force(data: st.DataObject, buffer_lists: st.SearchStrategy[list[Buffer]]) -> None:
    buffers = data.draw(buffer_lists)
    placement = place(buffers)
    check_placement(buffers, placement.offsets, placement.height_bytes)
    assert placement.height_bytes == placement.lower_bound_bytes == smallest_height(buffers)


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_the_search_core_decides_every_capacity(
    data: st.DataObject, buffer_lists: st.SearchStrategy[list[Buffer]]
) -> None:
    """Without greedy's help: FOUND exactly from the brute-force height on, whatever the ranking."""
    buffers = [buffer for buffer in data.draw(buffer_lists) if buffer.size_bytes]
    for instance in instances_of(buffers):
        order = data.draw(st.permutations(range(len(instance.size))))
        members = [buffer for buffer in buffers if buffer.name in instance.names]
        height = smallest_height(members) // instance.unit
        searcher = Searcher(instance, 1)
        for capacity in (height - 1, height, height + 1):
            verdict, offsets = searcher.run(0, order, capacity, 100_000)
            assert verdict == (packing.FOUND if capacity >= height else packing.INFEASIBLE)
            if verdict == packing.FOUND:
                at = {name: low * instance.unit for name, low in zip(instance.names, offsets, strict=True)}
                check_placement(members, at, capacity * instance.unit)


@pytest.mark.parametrize("seed", range(10))
def test_floors_are_true_at_every_node(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though only sections that changed are looked at again, also after going back several placements at once."""
    random, narrowest = Random(seed), packing.narrowest  # noqa: S311 - no secret
    lives = [(random.randrange(40), random.randint(1, 15), random.randint(1, 60)) for _ in range(120)]
    buffers = [Buffer(f"b{i}", size, start, start + span) for i, (start, span, size) in enumerate(lives)]
    (instance,) = instances_of([Buffer("all", 1, 0, 55), *buffers])

    def watched(state: packing.State, capacity: int) -> int:
        lows = [[state.low[each] for each in members if state.is_open[each]] for members in instance.members]
        assert state.floor == [min(each, default=packing.NOWHERE) for each in lows]
        return narrowest(state, capacity)

    monkeypatch.setattr(packing, "narrowest", watched)
    monkeypatch.setattr("sparse_mcu.costmodel.memory.placement.exact.INTERPRETED_STEPS", 10**12)
    order = random.sample(range(len(instance.size)), len(instance.size))
    Searcher(instance, 1).run(0, order, max(instance.loads), 400)


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_spent_budget_leaves_a_valid_placement_and_a_true_bound(
    data: st.DataObject, buffer_lists: st.SearchStrategy[list[Buffer]]
) -> None:
    buffers = data.draw(buffer_lists)
    placement = place(buffers, node_budget=0)
    check_placement(buffers, placement.offsets, placement.height_bytes)
    assert placement.lower_bound_bytes <= smallest_height(buffers) <= placement.height_bytes


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_sections_keep_exactly_the_meetings(data: st.DataObject, buffer_lists: st.SearchStrategy[list[Buffer]]) -> None:
    buffers = [buffer for buffer in data.draw(buffer_lists) if buffer.size_bytes]
    together = {
        frozenset((instance.names[one], instance.names[other]))
        for instance in instances_of(buffers)
        for members in instance.members
        for one, other in product(members, members)
    }
    assert together == {frozenset((a.name, b.name)) for a, b in product(buffers, buffers) if meet(a, b)}


def are_apart(one: Buffer, other: Buffer, offsets: Mapping[Buffer, int], overlaps: Sequence[Overlap]) -> bool:
    """Whether two buffers may lie where they do: the plain definition."""
    low, high = offsets[one], offsets[other]
    if not meet(one, other) or low + one.size_bytes <= high or high + other.size_bytes <= low:
        return True
    distances = {(pair.dying, pair.output): pair.distance_bytes for pair in overlaps}
    return low - high >= distances.get((one.name, other.name), 99) or high - low >= distances.get(
        (other.name, one.name), 99
    )


def fits(buffers: list[Buffer], height: int, offsets: dict[Buffer, int], overlaps: Sequence[Overlap] = ()) -> bool:
    """By exhaustion over all offsets, buffer by buffer."""
    if len(offsets) == len(buffers):
        return True
    buffer = buffers[len(offsets)]
    for offset in range(height - buffer.size_bytes + 1):
        more = {**offsets, buffer: offset}
        if all(are_apart(buffer, other, more, overlaps) for other in offsets) and fits(buffers, height, more, overlaps):
            return True
    return False


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_equals_brute_force_with_overlap(
    data: st.DataObject, overlapped_buffers: st.SearchStrategy[tuple[list[Buffer], list[Overlap]]]
) -> None:
    buffers, overlaps = data.draw(overlapped_buffers)
    placement = place(buffers, overlaps)
    height = placement.height_bytes
    check_placement(buffers, placement.offsets, height, overlaps)
    assert height == placement.lower_bound_bytes <= place(buffers).height_bytes
    assert not fits(buffers, height - 1, {}, overlaps)


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_both_exact_searches_decide_every_capacity_with_overlap(
    data: st.DataObject, overlapped_buffers: st.SearchStrategy[tuple[list[Buffer], list[Overlap]]]
) -> None:
    buffers, overlaps = data.draw(overlapped_buffers)
    for instance in instances_of(buffers, overlaps):
        members = [buffer for buffer in buffers if buffer.name in instance.names]
        pairs = [pair for pair in overlaps if pair.dying in instance.names]
        height = place(members, pairs).height_bytes // instance.unit
        order = data.draw(st.permutations(range(len(instance.size))))
        for capacity in (height - 1, height, height + 1):
            expected = packing.FOUND if capacity >= height else packing.INFEASIBLE
            by_packing, by_orientation = Searcher(instance, 1), Orienter(instance)
            answers = [by_packing.run(0, order, capacity, 100_000), by_orientation.run(capacity, 100_000)]
            assert [verdict for verdict, _ in answers] == [expected, expected]
            for _, offsets in answers if expected == packing.FOUND else ():
                at = {name: low * instance.unit for name, low in zip(instance.names, offsets, strict=True)}
                check_placement(members, at, capacity * instance.unit, pairs)


def chain(*sizes: int, distance: int) -> tuple[list[Buffer], list[Overlap]]:
    """Each buffer dies in the step that writes the next, at the same distance."""
    buffers = [Buffer(f"b{i}", size, max(i - 1, 0), i + 1) for i, size in enumerate(sizes)]
    return buffers, [Overlap(f"b{i}", f"b{i + 1}", distance) for i in range(len(sizes) - 1)]


def test_distances_add_up_along_a_chain() -> None:
    """No step needs more than 11, but each output lies one further below its input."""
    buffers, overlaps = chain(10, 10, 10, 10, distance=1)
    placement = place(buffers, overlaps)
    assert placement.height_bytes == placement.lower_bound_bytes == 13
    assert placement.nodes < 20  # that there is nothing below is seen at once
    assert placement.offsets == {"b0": 3, "b1": 2, "b2": 1, "b3": 0}


def test_a_negative_distance_lets_the_output_start_above() -> None:
    """The middle one climbs over a buffer that lives on, within the first."""
    buffers, overlaps = chain(10, 4, 4, distance=-6)
    buffers.append(Buffer("kept", 6, 1, 3))
    assert place(buffers, overlaps).height_bytes == place(buffers, overlaps).lower_bound_bytes == 10


def test_an_output_may_overlap_all_inputs_that_die() -> None:
    buffers = [Buffer("a", 8, 0, 1), Buffer("b", 8, 0, 1), Buffer("y", 8, 0, 2)]
    one, both = [Overlap("a", "y", 0)], [Overlap("a", "y", 0), Overlap("b", "y", 0)]
    assert place(buffers).height_bytes == 24
    assert place(buffers, one).height_bytes == place(buffers, both).height_bytes == 16


def test_without_budget_an_overlapped_placement_is_valid_and_honest() -> None:
    buffers, overlaps = chain(10, 3, 9, 4, 10, distance=2)
    placement = place(buffers, overlaps, node_budget=0)
    check_placement(buffers, placement.offsets, placement.height_bytes, overlaps)
    assert placement.lower_bound_bytes <= place(buffers, overlaps).height_bytes <= placement.height_bytes


def test_the_maximum_load_is_not_always_reachable() -> None:
    """At most 7 bytes are live at any time, yet 8 are needed."""
    buffers = above_load()
    (instance,) = instances_of(buffers)
    assert max(instance.loads) == 7
    assert not fits(buffers, 7, {})
    assert place(buffers).height_bytes == place(buffers).lower_bound_bytes == 8
    assert 0 < place(buffers).nodes <= 400  # no heuristic shows it
    later = [Buffer(f"later {b.name}", b.size_bytes, b.start + 9, b.end + 9) for b in buffers]
    assert place([*buffers, *later], node_budget=40).nodes <= 40  # of both together


def test_a_target_stops_the_search() -> None:
    buffers = [Buffer("a", 4, 0, 2), Buffer("b", 8, 1, 3), Buffer("c", 4, 2, 4)]
    assert place(buffers, target_bytes=100).height_bytes <= 100


def test_unions_of_independent_groups_take_the_highest() -> None:
    buffers = [Buffer("a", 40, 0, 2), Buffer("b", 8, 1, 2), Buffer("c", 6, 2, 4), Buffer("nothing", 0, 0, 4)]
    placement = place(buffers)
    assert placement.height_bytes == placement.lower_bound_bytes == 48
    assert place([]).height_bytes == 0


@pytest.mark.parametrize("name", MINIMALLOC)
def test_minimalloc_instances_fit(shared_data: Path, name: str) -> None:
    buffers = minimalloc(shared_data, name)
    placement = place(buffers, target_bytes=1 << 20, node_budget=400_000)
    check_placement(buffers, placement.offsets, 1 << 20)


@pytest.mark.parametrize(("name", "known"), [("D", 1_031_168), pytest.param("J", 1_029_120, marks=pytest.mark.slow)])
def test_hard_instances_are_minimised_without_a_hint(shared_data: Path, name: str, known: int) -> None:
    """Below the best heights that were known before."""
    buffers = minimalloc(shared_data, name)
    placement = place(buffers, node_budget=50_000)
    check_placement(buffers, placement.offsets, placement.height_bytes)
    assert placement.height_bytes < known


@pytest.mark.slow
def test_the_smallest_height_of_an_open_instance_is_its_load(shared_data: Path) -> None:
    """D was open between 986112 and 1031168."""
    buffers = minimalloc(shared_data, "D")
    placement = place(buffers, node_budget=400_000)
    check_placement(buffers, placement.offsets, 986_112)
    assert placement.height_bytes == placement.lower_bound_bytes == 986_112


def test_machine_code_runs_the_same_search(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (instance,) = instances_of(minimalloc(shared_data, "B"))
    order = ranked(instance, priorities(instance)[1])
    runs = []
    for limit in (0, 10**12):
        monkeypatch.setattr("sparse_mcu.costmodel.memory.placement.exact.INTERPRETED_STEPS", limit)
        searcher = Searcher(instance, 1)
        runs.append((searcher.run(0, order, 1024, 300), searcher.run(0, order, 1024, 300), searcher.nodes))
    assert runs[0] == runs[1]


def test_first_fit_uses_the_lowest_gap() -> None:
    buffers = [Buffer("a", 2, 0, 3), Buffer("b", 3, 0, 1), Buffer("c", 1, 0, 3), Buffer("d", 3, 1, 2)]
    (instance,) = instances_of(buffers)
    order = [instance.names.index(name) for name in "abcd"]
    offsets = first_fit(instance, order)
    assert {name: offsets[instance.names.index(name)] for name in "abcd"} == {"a": 0, "b": 2, "c": 5, "d": 2}
