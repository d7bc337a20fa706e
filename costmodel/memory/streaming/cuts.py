"""Proposes cuts of a graph's steps into single steps and streams.

What each single step and each stream needs is known. The best cut is the one whose largest need is smallest. It is
found by bisection: for a number of bytes, dynamic programming over the steps finds the cheapest cut in which nothing
needs more, if there is one. Cheapest means the fewest extra multiplications, then the fewest streamed operators.

Example: steps A, B, C need 10, 50 and 30 bytes; a stream of A and B needs 40, one of B and C needs 35. The cut (AB, C)
has a largest need of 40, the cut (A, BC) one of 35. Bisection ends at 35 with (A, BC).
"""

from collections.abc import Callable, Iterable, Iterator

from sparse_mcu.costmodel.graph.operators import AveragePool2d, Conv2d, MaxPool2d
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan
from sparse_mcu.costmodel.memory.problem.values import ALIGNMENT_BYTES, aligned
from sparse_mcu.costmodel.memory.streaming.needs import Needs, Option

Measure = Callable[[Option], int]

_MOST_NEIGHBOURS = 120
_FIRST_STEP = 5  # the first step of a search for the smallest need is 1 / 2**5 of the way
_TOO_MANY = 4  # times the cuts wanted, for the first steps alone: the rest would hardly leave fewer


def _need(option: Option) -> int:
    return option.need_bytes


def _anyway(option: Option) -> int:
    return option.anyway_bytes


def _least(option: Option) -> int:
    return option.least_bytes


class Cutter:
    """Finds cuts of the steps into single steps and streams."""

    def __init__(self, needs: Needs) -> None:
        self.needs = needs
        self.singles = [needs.step(index) for index in range(len(needs))]

    def least_need(self, known_bytes: int) -> int:
        """Return the smallest largest need of any cut; `known_bytes` if none is smaller."""
        return self._smallest(known_bytes, _need)

    def least_anyway(self, known_bytes: int) -> int:
        """Return the same if each step could be executed in the order that suits it best."""
        return self._smallest(known_bytes, _anyway)

    def bound(self, known_bytes: int) -> int:
        """Return a bound on all cuts, however their streams are packed; at most `known_bytes`."""
        return self._smallest(known_bytes, _least)

    def _smallest(self, known_bytes: int, measure: Measure) -> int:
        """Search from below, in steps that double, since every stream that might be small enough has to be built."""
        low, high = min(aligned(self.needs.ends_bytes), known_bytes), known_bytes
        step = max((high - low) >> _FIRST_STEP, ALIGNMENT_BYTES)
        while low < high:
            middle = min(low + step, (low + high) // 2) // ALIGNMENT_BYTES * ALIGNMENT_BYTES
            step *= 2
            options = self.cheapest(middle, measure)
            if options is None:
                low = middle + ALIGNMENT_BYTES
            else:
                high = max(low, max(map(measure, options), default=0))
        return high

    def cheapest(self, target_bytes: int, measure: Measure = _need) -> tuple[Option, ...] | None:
        """Find the cheapest cut in which nothing needs more than `target_bytes`; None if none is allowed."""
        best: list[tuple[int, int] | None] = [(0, 0)]
        chosen: list[Option | None] = [None]
        for end in range(1, len(self.needs) + 1):
            best.append(None)
            chosen.append(None)
            for option in self._options(end, target_bytes, best, measure):
                before = best[option.start]
                if before is not None:
                    total = (before[0] + option.cost[0], before[1] + option.cost[1])
                    known = best[end]
                    if total[0] <= self.needs.most_extra_macs and (known is None or total < known):
                        best[end], chosen[end] = total, option
        options: list[Option] = []
        end = len(self.needs)
        while end > 0:
            last = chosen[end]
            if last is None:
                return None
            options.append(last)
            end = last.start
        return tuple(reversed(options))

    def every(self, target_bytes: int, most: int) -> list[tuple[Option, ...]] | None:
        """List all cuts that may need no more than `target_bytes`, the smallest need first.

        Returns:
            None if there seem to be more than `most`. The needs are `Option.least_bytes`.
        """
        counts, ways = [1], list[list[Option]]([[]])
        for end in range(1, len(self.needs) + 1):
            starts = [end - 1, *(start for start in self.needs.starts(end) if self._is_allowed(start, end))]
            found = [each for start in starts if counts[start] for each in self._ways(start, end, target_bytes)]
            ways.append(found)
            counts.append(sum(counts[each.start] for each in found))
            if counts[-1] > _TOO_MANY * most:
                return None
        if counts[-1] > most:
            return None
        cuts: list[tuple[Option, ...]] = []
        open_: list[tuple[Option, ...]] = [()]
        while open_:
            behind = open_.pop()
            start = behind[0].start if behind else len(self.needs)
            if sum(each.extra_macs for each in behind) > self.needs.most_extra_macs:
                continue
            if start == 0:
                cuts.append(behind)
            open_ += [(each, *behind) for each in ways[start]]
        return sorted(cuts, key=lambda cut: max((each.least_bytes for each in cut), default=0))

    def neighbours(self, options: tuple[Option, ...], plan: MemoryPlan) -> Iterator[tuple[Option, ...]]:
        """Yield cuts with one stream added or changed, the most similar first, that may be smaller than the plan."""
        target = plan.arena_bytes - 1
        names = [step.name for step in self.needs.problem.steps]
        peak = names.index(plan.peak_step)
        edges = [(each.start, each.end) for each in options if each.stream] or [(peak, peak + 1)]
        intervals = sorted(
            (min(abs(start - low) + abs(end - high) for low, high in edges), start, end)
            for end in range(2, len(names) + 1)
            for start in self.needs.starts(end)
            if self._is_allowed(start, end)
        )
        for _, start, end in intervals[:_MOST_NEIGHBOURS]:
            for option in self._streams(start, end, target, _anyway):
                cut = [*self._around(options, option, target), option]
                if (
                    max(each.anyway_bytes for each in cut) <= target
                    and sum(each.extra_macs for each in cut) <= self.needs.most_extra_macs
                ):
                    yield tuple(sorted(cut, key=lambda each: each.start))

    def weak_bound(self) -> int:
        """Return what every cut needs: each step alone or in its best stream, with nothing else alive."""
        least = [self.needs.alone(index, index + 1) for index in range(len(self.singles))]
        for end in range(2, len(least) + 1):
            for start in self.needs.starts(end):
                if self._is_allowed(start, end):
                    need = self.needs.alone(start, end)
                    least[start:end] = [min(each, need) for each in least[start:end]]
        return max(least, default=0)

    def _around(self, options: tuple[Option, ...], new: Option, target_bytes: int) -> Iterator[Option]:
        """Yield the options outside of a new one; what it leaves of a stream becomes a stream or single steps."""
        for option in options:
            for start, end in ((option.start, min(option.end, new.start)), (max(option.start, new.end), option.end)):
                if start < end:
                    whole = (start, end) == (option.start, option.end)
                    left = [option] if whole else self._streams(start, end, target_bytes, _anyway)
                    yield from [*left] or self.singles[start:end]
                    if whole:
                        break

    def _streams(self, start: int, end: int, target_bytes: int, measure: Measure) -> Iterator[Option]:
        """Yield the stream of an interval with the fewest strips that needs no more than `target_bytes`."""
        if end - start > 1 and self.needs.least(start, end) <= target_bytes:
            for strips in (1, *self.needs.strips(end)):
                option = self.needs.stream(start, end, target_bytes, strips=strips)
                if option and measure(option) <= target_bytes:
                    yield option
                    return

    def _ways(self, start: int, end: int, target_bytes: int) -> Iterator[Option]:
        """Yield all ways to execute an interval that may need no more than `target_bytes`."""
        if end - start == 1:
            found: Iterable[Option | None] = [self.singles[start]]
        else:
            strips = (1, *self.needs.strips(end))
            found = (self.needs.stream(start, end, target_bytes, strips=each) for each in strips)
        yield from (each for each in found if each and each.least_bytes <= target_bytes)

    def _options(
        self, end: int, target_bytes: int, best: list[tuple[int, int] | None], measure: Measure
    ) -> Iterator[Option]:
        """Yield the options that could be the last of a cut ending at `end`, the single step first."""
        if measure(self.singles[end - 1]) <= target_bytes:
            yield self.singles[end - 1]
        for start in self.needs.starts(end):
            before = best[start]
            if before is None or not self._is_allowed(start, end):
                continue
            known = best[end]
            if known is not None and (before[0], before[1] + end - start) >= known:
                continue
            yield from self._streams(start, end, target_bytes, measure)

    def _is_allowed(self, start: int, end: int) -> bool:
        if self.needs.levers.streaming:
            return True
        first, *rest = self.needs.operators[start:end]
        return isinstance(first, Conv2d) and len(rest) == 1 and isinstance(rest[0], MaxPool2d | AveragePool2d)
