"""Which stretches of a graph are streamed: the choice whose largest step needs least, by dynamic programming.

In the graph's order a choice is a cut of the steps into single ones and streams. What each needs is known exactly, so
the smallest largest need is found by bisection; among the choices that reach it, the one that multiplies and streams
least. Which of them places best is seen by planning them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from costmodel.graph.graph import Graph
from costmodel.graph.operators import AveragePool2d, Conv2d, MaxPool2d, Operator
from costmodel.memory.levers import Levers
from costmodel.memory.plan import KernelContract, MemoryPlan, MemoryProblem
from costmodel.memory.stream import Stream
from costmodel.memory.streaming.build import StageContracts
from costmodel.memory.streaming.check import check_stream
from costmodel.memory.streaming.needs import Needs, Option, contract_of

Planner = Callable[[Graph, Mapping[str, KernelContract]], MemoryPlan]
"""Plans a graph without streams."""

_BANDS = (8, 4, 2)  # rows that all operators of a stream compute at once, where that costs no memory
_MOST_PLANS = 40
_MOST_NEIGHBOURS = 120


def plan_streamed(
    graph: Graph,
    contracts: Mapping[str, KernelContract],
    levers: Levers,
    stage_contracts: StageContracts,
    problem: MemoryProblem,
    planner: Planner,
) -> MemoryPlan:
    """The smallest plan that is found over what is streamed; without streams if they save nothing.

    Args:
        graph: A validated graph.
        contracts: What each operator's kernel needs.
        levers: What may be done.
        stage_contracts: What kernels need in a stream.
        problem: The graph's, with all Concats as steps.
        planner: Plans graphs in which a stream is one operator.
    """
    needs = Needs(graph, problem, levers, stage_contracts)
    plain = planner(graph, contracts)
    best = _Choice((), plain)
    cutter = _Cutter(needs, levers)
    least = cutter.least_need(plain.arena_bytes)

    def planned(options: tuple[Option, ...]) -> MemoryPlan:
        return _planned(graph, contracts, options, planner)

    best = _searched(_Choice(tuple(cutter.singles), plain), least, cutter, planned)
    best = _eased(best, cutter, planned)
    bound = least if cutter.is_exhaustive else cutter.weak_bound()
    plan = replace(best.plan, lower_bound_bytes=min(bound, best.plan.arena_bytes))
    for stream in plan.streams.values():
        _check(graph, stream, plan, stage_contracts)
    return plan


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    options: tuple[Option, ...]
    plan: MemoryPlan


def _planned(
    graph: Graph, contracts: Mapping[str, KernelContract], options: Iterable[Option], planner: Planner
) -> MemoryPlan:
    """The plan of the graph in which each stream is one operator."""
    streams = [option.stream for option in options if option.stream]
    reduced, own = _reduced(graph, streams)
    plan = planner(reduced, {**contracts, **own})
    return replace(plan, streams={stream.name: stream for stream in streams})


def _reduced(graph: Graph, streams: Iterable[Stream]) -> tuple[Graph, dict[str, KernelContract]]:
    """The graph with an operator for each stream, and these operators' contracts."""
    last = {stream.operators[-1]: stream for stream in streams}
    inner = {name for stream in last.values() for name in stream.operators[:-1]}
    hidden = {operator.output for operator in graph.operators if operator.name in inner}
    operators = [
        Operator(name=last[each.name].name, inputs=last[each.name].inputs, output=each.output)
        if each.name in last
        else each
        for each in graph.operators
        if each.name not in inner
    ]
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name not in hidden}
    own = {stream.name: contract_of(graph, stream) for stream in last.values()}
    return replace(graph, operators=tuple(operators), tensors=tensors), own


def _searched(
    best: _Choice, least_bytes: int, cutter: "_Cutter", planned: Callable[[tuple[Option, ...]], MemoryPlan]
) -> _Choice:
    """The cut whose largest need is least, then what differs from the best cut by one stream, while that helps."""
    least = cutter.cheapest(least_bytes)
    candidates: Iterator[tuple[Option, ...]] = iter([least] if least else [])
    seen: set[tuple[tuple[int, int, int], ...]] = set()
    plans = 0
    while best.plan.arena_bytes > least_bytes and plans < _MOST_PLANS:
        options = next(candidates, None)
        if options is None:
            return best
        key = tuple((each.start, each.end, each.stream.strips if each.stream else 0) for each in options)
        if key in seen:
            continue
        seen.add(key)
        plan = planned(options)
        plans += 1
        if plan.arena_bytes < best.plan.arena_bytes:
            best = _Choice(options, plan)
        if plans == 1 or best.plan is plan:
            candidates = cutter.neighbours(best.options, best.plan)
    return best


def _eased(best: _Choice, cutter: "_Cutter", planned: Callable[[tuple[Option, ...]], MemoryPlan]) -> _Choice:
    """As small a plan with fewer multiplications and streams, then with taller bands."""
    target = best.plan.arena_bytes
    if not best.plan.streams:
        return best
    cheaper = cutter.cheapest(target)
    if cheaper and _cost(cheaper) < _cost(best.options):
        plan = planned(cheaper)
        best = _Choice(cheaper, plan) if plan.arena_bytes <= target else best
    for index, option in enumerate(best.options):
        for band in _BANDS if option.stream else ():
            taller = cutter.needs.stream(option.start, option.end, band, option.stream.strips if option.stream else 1)
            if taller and taller.need_bytes <= target and taller.extra_macs <= option.extra_macs:
                options = (*best.options[:index], taller, *best.options[index + 1 :])
                plan = planned(options)
                if plan.arena_bytes <= target:
                    best = _Choice(options, plan)
                    break
    return best


def _cost(options: Iterable[Option]) -> tuple[int, int]:
    costs = [option.cost for option in options]
    return sum(macs for macs, _ in costs), sum(streamed for _, streamed in costs)


def _check(graph: Graph, stream: Stream, plan: MemoryPlan, stage_contracts: StageContracts) -> None:
    said = {
        stage.operator.name: stage_contracts(stage.operator, stage.inputs, stage.output) or KernelContract()
        for stage in stream.stages
    }
    check_stream(
        graph,
        stream,
        plan.offset_of_tensor,
        plan.offsets.get(f"{stream.name}.scratch", 0),
        plan.arena_bytes,
        {name: contract.scratch_bytes for name, contract in said.items()},
        {name: contract.safe_distance_bytes for name, contract in said.items()},
    )


class _Cutter:
    """Cuts of the steps into single ones and streams."""

    def __init__(self, needs: Needs, levers: Levers) -> None:
        self.needs, self.levers = needs, levers
        self.singles = [needs.step(index) for index in range(len(needs))]

    @property
    def is_exhaustive(self) -> bool:
        """Whether the graph has one order only, so that every choice is a cut of it."""
        steps = self.needs.problem.steps
        return all(not set(one.outputs).isdisjoint(other.inputs) for one, other in pairwise(steps))

    def least_need(self, known_bytes: int) -> int:
        """The smallest largest need of any cut; `known_bytes` if there is none below."""
        low, high = 0, known_bytes
        while low < high:
            middle = (low + high) // 2 // 4 * 4
            options = self.cheapest(middle)
            if options is None:
                low = middle + 4
            else:
                high = max((option.need_bytes for option in options), default=0)
        return high

    def cheapest(self, target_bytes: int) -> tuple[Option, ...] | None:
        """The cheapest cut of which no step needs more; None if there is none within the multiplications allowed."""
        best: list[tuple[int, int] | None] = [(0, 0)]
        chosen: list[Option | None] = [None]
        for end in range(1, len(self.needs) + 1):
            best.append(None)
            chosen.append(None)
            for option in self._options(end, target_bytes, best):
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

    def neighbours(self, options: tuple[Option, ...], plan: MemoryPlan) -> Iterator[tuple[Option, ...]]:
        """Cuts with one stream more or another, the most alike first, of which no step needs as much as the plan."""
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
            for option in self._streams(start, end, target):
                cut = [*self._around(options, option), option]
                if (
                    max(each.need_bytes for each in cut) <= target
                    and sum(each.extra_macs for each in cut) <= self.needs.most_extra_macs
                ):
                    yield tuple(sorted(cut, key=lambda each: each.start))

    def weak_bound(self) -> int:
        """What any choice in any order needs: each step alone or in some stream, with nothing else alive."""
        least = [self.needs.alone(index, index + 1) for index in range(len(self.singles))]
        for end in range(2, len(least) + 1):
            for start in self.needs.starts(end):
                if self._is_allowed(start, end):
                    need = self.needs.alone(start, end)
                    least[start:end] = [min(each, need) for each in least[start:end]]
        return max(least, default=0)

    def _around(self, options: tuple[Option, ...], new: Option) -> Iterator[Option]:
        """The options outside of a new one; of streams that it cuts, what is left, if that is a stream."""
        for option in options:
            for start, end in ((option.start, min(option.end, new.start)), (max(option.start, new.end), option.end)):
                if start < end:
                    whole = (start, end) == (option.start, option.end)
                    left = option if whole else self.needs.stream(start, end) if end - start > 1 else None
                    yield from [left] if left else self.singles[start:end]
                    if whole:
                        break

    def _streams(self, start: int, end: int, target_bytes: int) -> Iterator[Option]:
        """The stream of an interval with the fewest strips that needs no more."""
        if self.needs.least(start, end) <= target_bytes:
            for strips in (1, *self.needs.strips(end)):
                option = self.needs.stream(start, end, strips=strips)
                if option and option.need_bytes <= target_bytes:
                    yield option
                    return

    def _options(self, end: int, target_bytes: int, best: list[tuple[int, int] | None]) -> Iterator[Option]:
        """Ways to end a cut at `end`, the single step first."""
        if self.singles[end - 1].need_bytes <= target_bytes:
            yield self.singles[end - 1]
        for start in self.needs.starts(end):
            before = best[start]
            if before is None or not self._is_allowed(start, end):
                continue
            known = best[end]
            if known is not None and (before[0], before[1] + end - start) >= known:
                continue
            yield from self._streams(start, end, target_bytes)

    def _is_allowed(self, start: int, end: int) -> bool:
        if self.levers.streaming:
            return True
        first, *rest = self.needs.operators[start:end]
        return isinstance(first, Conv2d) and len(rest) == 1 and isinstance(rest[0], MaxPool2d | AveragePool2d)
