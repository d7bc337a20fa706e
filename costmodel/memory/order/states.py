"""States of the search over orders: sets of executed steps, their moves, and the safe moves that follow at once.

If a step (or a chain of steps) fits under the peak that is already accepted, and leaves no more bytes live than before,
it runs at once. Running it earlier never raises a later peak, because live bytes are a submodular function of the
executed set. Overlap keeps that true: it lowers only what a step needs while it runs, and it lowers it the more, the
more steps have run before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sparse_mcu.costmodel.memory.model.plan import Step
from sparse_mcu.costmodel.memory.order.dag import Dag


@dataclass(frozen=True, slots=True)
class State:
    """A set of executed steps, how it was reached, and what it costs.

    Attributes:
        executed: The steps, as bits.
        live: Bytes that are live behind them.
        peak: The most bytes that were live so far.
        ready: Steps that may run next.
        moves: The last steps that ran.
        parent: The state before them.
    """

    executed: int
    live: int
    peak: int
    ready: tuple[int, ...]
    moves: tuple[int, ...]
    parent: "State | None"


@dataclass(slots=True)
class Moves:
    """The moves of one segment; peaks below `bound` count as `bound`."""

    dag: Dag
    bound: int
    complete: int = field(init=False)
    hope: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Find, for each step, the least change of live bytes that a chain from it can bring."""
        self.complete = (1 << len(self.dag.steps)) - 1
        self.hope = [
            change - sum(size for size, _ in shared)
            for change, shared in zip(self.dag.change, self.dag.shared, strict=True)
        ]
        for step in reversed(range(len(self.hope))):
            self.hope[step] += min([0, *(self.hope[other] for other in self.dag.successors[step])])

    def start(self) -> State:
        """Return the state before all steps."""
        ready = tuple(step for step, before in enumerate(self.dag.predecessors) if not before)
        return State(0, self.dag.held, self.bound, ready, (), None)

    def need(self, state: State, step: int) -> int:
        """Return the bytes live while `step` runs."""
        return state.live + self.dag.claim(step, state.executed) + (0 if state.executed else self.dag.unread)

    def after(self, state: State, step: int) -> State:
        """Return the state after one more step."""
        dag, executed = self.dag, state.executed | 1 << step
        woken = tuple(other for other in dag.successors[step] if not dag.predecessors[other] & ~executed)
        return State(
            executed=executed,
            live=state.live + dag.growth(step, executed),
            peak=max(state.peak, self.need(state, step)),
            ready=woken + tuple(other for other in state.ready if other != step),
            moves=(step,),
            parent=state,
        )

    def affordable(self, state: State, ceiling: int) -> Iterator[State]:
        """Yield the states after one more step that needs less than `ceiling`."""
        for step in state.ready:
            if self.need(state, step) < ceiling:
                yield self.after(state, step)

    def promising(self, state: State, ceiling: int, most: int) -> Iterator[State]:
        """Yield the same, but at most so many: those with the lowest peak, then those with the fewest live bytes."""
        ready = [(max(need, state.peak), step) for step in state.ready if (need := self.need(state, step)) < ceiling]
        if len(ready) > most:
            growth = {step: self.dag.growth(step, state.executed | 1 << step) for _, step in ready}
            ready = sorted(ready, key=lambda each: (each[0], growth[each[1]], each[1]))[:most]
        for _, step in ready:
            yield self.after(state, step)

    def settled(self, state: State) -> State:
        """Return `state` after all its safe moves."""
        if self.dag.unread and not state.executed:
            return state
        chain = self._safe_chain(state)
        while chain:
            for step in chain:
                state = self.after(state, step)
            chain = self._safe_chain(state)
        return state

    def dive(self, state: State) -> State:
        """Complete `state` greedily: the step that needs least above the peak, then the one that leaves least."""
        while state.ready:
            executed = state.executed
            step = min(
                state.ready,
                key=lambda step: (
                    max(self.need(state, step), state.peak),
                    self.dag.growth(step, executed | 1 << step),
                    step,
                ),
            )
            state = self.settled(self.after(state, step))
        return state

    def in_sequence(self, sequence: Sequence[int]) -> State:
        """Return the state after these steps."""
        state = self.start()
        for step in sequence:
            state = self.after(state, step)
        return state

    def steps_of(self, state: State) -> tuple[Step, ...]:
        """Return the steps in the order in which they led to `state`."""
        moves: list[int] = []
        at: State | None = state
        while at is not None:
            moves.extend(reversed(at.moves))
            at = at.parent
        return tuple(self.dag.steps[step] for step in reversed(moves))

    def _safe_chain(self, state: State) -> list[int]:
        """Find a chain of steps that fits under the peak and leaves no more bytes live than before."""
        headroom = state.peak - state.live
        for step in state.ready:
            if self.hope[step] <= 0:
                chain = self._descent(state.executed, step, headroom)
                if chain:
                    return chain
        return []

    def _descent(self, executed: int, step: int, headroom: int) -> list[int]:
        dag, chain, rise = self.dag, list[int](), 0
        while rise + dag.claim(step, executed) <= headroom:
            executed |= 1 << step
            rise += dag.growth(step, executed)
            chain.append(step)
            if rise <= 0:
                return chain
            woken = (other for other in dag.successors[step] if not dag.predecessors[other] & ~executed)
            step = next(woken, -1)
            if step < 0:
                break
        return []
