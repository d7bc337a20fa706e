"""Both exact searches against exhaustion, on many small instances in which most of what may overlap does."""

from collections.abc import Iterator
from random import Random

import pytest

from sparse_mcu.costmodel.memory.checking.validator import check_placement
from sparse_mcu.costmodel.memory.model.plan import Buffer, Overlap
from sparse_mcu.costmodel.memory.placement import search_core as packing
from sparse_mcu.costmodel.memory.placement.exact import Searcher
from sparse_mcu.costmodel.memory.placement.greedy import first_fit, priorities, ranked
from sparse_mcu.costmodel.memory.placement.instance import Instance, instances_of
from sparse_mcu.costmodel.memory.placement.orientations import Orienter
from sparse_mcu.costmodel.memory.placement.placement import place

NODES = 10_000


def crowded(random: Random, count: int, largest: int) -> tuple[list[Buffer], list[Overlap]]:
    """`count` buffers with lives of one to four steps among few, and for most that die with a birth an overlap."""
    starts = [random.randrange(max(2, count - 2)) for _ in range(count)]
    buffers = [
        Buffer(f"b{i}", random.randint(1, largest), at, at + random.randint(1, 4)) for i, at in enumerate(starts)
    ]
    pairs: dict[str, Overlap] = {}
    for dying in buffers:
        if any(pair.output == dying.name for pair in pairs.values()) and dying.start == dying.end - 1:
            continue  # what a step writes, it does not read
        heirs = [heir for heir in buffers if heir.start == dying.end - 1 and heir is not dying]
        heirs = [heir for heir in heirs if heir.end > dying.end or heir.name not in pairs]
        if heirs and random.random() < 0.8:
            heir = random.choice(heirs)
            distance = random.randint(-dying.size_bytes, heir.size_bytes)
            pairs[dying.name] = Overlap(dying.name, heir.name, distance)
    return buffers, [*pairs.values()]


def instances(seeds: range, count: int, largest: int) -> Iterator[tuple[Random, Instance, list[Buffer], list[Overlap]]]:
    for seed in seeds:
        random = Random(seed)  # noqa: S311 - no secret
        buffers, overlaps = crowded(random, count, largest)
        for instance in instances_of(buffers, overlaps):
            members = [buffer for buffer in buffers if buffer.name in instance.names]
            yield random, instance, members, [pair for pair in overlaps if pair.dying in instance.names]


def may_lie(one: Buffer, other: Buffer, gaps: dict[tuple[str, str], int], difference: int) -> bool:
    """Whether `one` may start `difference` above `other`: the plain definition."""
    return (
        one.end <= other.start
        or other.end <= one.start
        or difference >= min(other.size_bytes, gaps.get((one.name, other.name), other.size_bytes))
        or -difference >= min(one.size_bytes, gaps.get((other.name, one.name), one.size_bytes))
    )


def smallest_height(buffers: list[Buffer], overlaps: list[Overlap]) -> int:
    """By exhaustion over all offsets; sets of offsets are bits of an integer."""
    gaps = {(pair.dying, pair.output): pair.distance_bytes for pair in overlaps}
    most = sum(buffer.size_bytes for buffer in buffers)
    allowed = [  # bit d + most: whether the one may start d above the other
        [sum(1 << d + most for d in range(-most, most + 1) if may_lie(one, other, gaps, d)) for other in buffers]
        for one in buffers
    ]

    def fits(height: int, lows: list[int]) -> bool:
        if len(lows) == len(buffers):
            return True
        room = (1 << height - buffers[len(lows)].size_bytes + 1) - 1
        for other, low in enumerate(lows):
            room &= allowed[len(lows)][other] >> most - low
        return any(fits(height, [*lows, low]) for low in range(room.bit_length()) if room >> low & 1)

    return next(height for height in range(max(b.size_bytes for b in buffers), most + 1) if fits(height, []))


def test_both_searches_decide_every_capacity() -> None:
    for random, instance, buffers, overlaps in instances(range(300), 5, 4):
        height = smallest_height(buffers, overlaps) // instance.unit
        order = random.sample(range(len(buffers)), len(buffers))
        assert max(instance.loads) <= height
        for capacity in range(max(instance.loads) - 1, height + 2):
            searched = Searcher(instance, 1).run(0, order, capacity, NODES)
            oriented = Orienter(instance).run(capacity, NODES)
            expected = packing.FOUND if capacity >= height else packing.INFEASIBLE
            assert searched[0] == oriented[0] == expected
            for _, offsets in (searched, oriented) if expected == packing.FOUND else ():
                at = {name: low * instance.unit for name, low in zip(instance.names, offsets, strict=True)}
                check_placement(buffers, at, capacity * instance.unit, overlaps)


def test_both_searches_agree_on_larger_instances() -> None:
    """Which of them is right is not known here, but they have nothing in common."""
    decided = 0
    for random, instance, buffers, _ in instances(range(80), 11, 9):
        order = random.sample(range(len(buffers)), len(buffers))
        for capacity in range(max(instance.loads), max(instance.loads) + 3):
            verdicts = {
                Searcher(instance, 1).run(0, order, capacity, 2000)[0],
                Orienter(instance).run(capacity, 20_000)[0],
            }
            assert verdicts != {packing.FOUND, packing.INFEASIBLE}
            decided += packing.EXHAUSTED not in verdicts
    assert decided > 120


def tiling(random: Random, count: int, steps: int, height: int) -> list[Buffer]:
    """A rectangle cut into `count` buffers that leave no gap: each cut divides one of them in time or in space."""
    tiles = [(0, steps, height)]
    while len(tiles) < count:
        start, end, size = tiles.pop(random.randrange(len(tiles)))
        if end - start > 1 and (size < 2 or random.random() < 0.5):
            middle = random.randrange(start + 1, end)
            tiles += [(start, middle, size), (middle, end, size)]
        elif size > 1:
            lower = random.randrange(1, size)
            tiles += [(start, end, lower), (start, end, size - lower)]
        else:
            tiles.append((start, end, size))
    return [Buffer(f"b{i}", size, start, end) for i, (start, end, size) in enumerate(tiles)]


def test_what_fills_a_rectangle_is_found() -> None:
    """Few placements do, so a search that leaves one out is told from one that does not."""
    for seed in range(60):
        random = Random(seed)  # noqa: S311 - no secret
        buffers = [Buffer("all", 1, 0, 9), *tiling(random, 12, 9, 16)]
        (instance,) = instances_of(buffers)
        order = random.sample(range(len(buffers)), len(buffers))
        for verdict, offsets in (
            Searcher(instance, 1).run(0, order, 17, NODES),
            Orienter(instance).run(17, 20 * NODES),
        ):
            assert verdict == packing.FOUND
            check_placement(buffers, dict(zip(instance.names, offsets, strict=True)), 17)


@pytest.mark.parametrize("budget", [0, 1, 20, NODES])
def test_budgets_end_the_proof_and_never_the_answer(budget: int) -> None:
    for _, instance, buffers, overlaps in instances(range(300, 340), 5, 4):
        height = smallest_height(buffers, overlaps)
        placement = place(buffers, overlaps, node_budget=budget)
        check_placement(buffers, placement.offsets, placement.height_bytes, overlaps)
        assert max(instance.loads) * instance.unit <= placement.lower_bound_bytes <= height <= placement.height_bytes
        assert budget < NODES or placement.lower_bound_bytes == placement.height_bytes


def test_floors_are_true_at_every_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a search goes back several placements, each of which changed other sections."""
    narrowest, seen = packing.narrowest, 0
    for random, instance, buffers, _ in instances(range(200), 10, 9):
        order, members = random.sample(range(len(buffers)), len(buffers)), instance.members

        def watched(state: packing.State, capacity: int, members: list[list[int]] = members) -> int:
            nonlocal seen
            seen += 1
            lows = [[state.low[each] for each in section if state.is_open[each]] for section in members]
            assert state.floor == [min(each, default=packing.NOWHERE) for each in lows]
            return narrowest(state, capacity)

        monkeypatch.setattr(packing, "narrowest", watched)
        Searcher(instance, 1).run(0, order, max(instance.loads), 500)
    assert seen > 1000


def test_where_greedy_is_not_enough_the_search_is() -> None:
    improved = {False: 0, True: 0}
    for _, _, buffers, overlaps in instances(range(100), 10, 9):
        for pairs in ([], overlaps):
            (instance,) = instances_of(buffers, pairs)
            offsets = [first_fit(instance, ranked(instance, way)) for way in priorities(instance)]
            greedy = min(max(map(sum, zip(each, instance.size, strict=True))) for each in offsets) * instance.unit
            assert place(buffers, pairs, node_budget=0).height_bytes == greedy
            placement = place(buffers, pairs, node_budget=NODES)
            assert placement.height_bytes == placement.lower_bound_bytes
            improved[any(instance.shared)] += placement.height_bytes < greedy
    assert all(improved.values())


def test_a_search_stops_within_its_budget() -> None:
    """Orientation counts pairs, and finishes the state that it has begun."""
    stopped = 0
    for random, instance, buffers, _ in instances(range(400, 430), 9, 9):
        order, capacity = random.sample(range(len(buffers)), len(buffers)), max(instance.loads)
        for budget in (0, 1, 3, 40):
            searcher, orienter = Searcher(instance, 1), Orienter(instance)
            found = searcher.run(0, order, capacity, budget), orienter.run(capacity, budget)
            assert searcher.nodes <= budget
            assert orienter.nodes < budget + max(1, len(orienter.pairs))
            stopped += sum(verdict == packing.EXHAUSTED for verdict, _ in found)
    assert stopped > 60
