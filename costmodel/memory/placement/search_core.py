"""The exact search of placement: fits buffers with fixed lives into a given height, or proves that they do not fit.

The code is written in the common subset of Python and numba, on flat sequences of integers. They are lists where it is
interpreted, and int64 arrays where it is compiled (`compiled.py`). Nothing here allocates, recurses or hashes, so both
ways run the same search, node for node.

Words: a *section* is a stretch of time with a fixed set of live buffers; buffer b covers the sections
[start[b], end[b]). An *open* buffer is not placed yet; low[b] is the lowest offset that it may still have. The *floor*
of a section is the lowest `low` of its open buffers. A *valley* is a run of sections with the same floor between
sections with higher floors.

The search picks a section in a valley and one open buffer that may start at its floor. Then it branches:

- The buffer is placed there. Every open buffer that meets it is lifted above it.
- The buffer is refused that offset for good. In a solution in which every buffer is pushed down as far as it goes, it
  then rests on another open buffer, and the lowest of those tops is its next possible offset.

The two branches share no solution and miss none, so a search that has tried all of them is a proof.

Example: a has 4 units and lives in section 0, b has 8 and lives in sections 0 and 1, c has 4 and lives in section 1.
The height is 12. Both floors are 0, so both sections are one valley. If b is placed at 0, a and c are lifted to 8,
where they just fit. They are placed next, and the search ends: FOUND, after three placements. With a height of 11,
section 0 holds 4 + 8 = 12 units above its floor of 0. That is too much, so the search ends at once: INFEASIBLE.

Overlap: heir[b] is the buffer that may share bytes with b in the step in which b dies and the heir is born. If the heir
is placed first, it lifts b to gap[b] above its own start only. If b is placed first and gap[b] <= 0, the heir may
still start anywhere up to b's start - gap[b]: it is not lifted. But it must not start in the hole between that offset
and b's end.
"""

from typing import Any, NamedTuple, TypeAlias

Ints: TypeAlias = Any
"""list[int] interpreted, int64 array compiled: whatever is indexed by and holds integers."""

FOUND, INFEASIBLE, EXHAUSTED = 1, 0, -1
NOWHERE = 1 << 60
"""An offset that no buffer can have: the floor of a section without open buffers."""


class Problem(NamedTuple):
    """The task of the search: n buffers over m sections, sizes in units.

    Attributes:
        size: [n] sizes.
        start: [n] first section of each buffer.
        end: [n] one past its last section.
        first: [m + 1] index into `member` of each section's first buffer.
        member: The buffers of section 0, then those of section 1, ...
        rank: [n] preference among candidates, lowest first.
        heir: [n] the buffer that may overlap it where it dies, or -1.
        gap: [n] least distance from the heir's start up to its own, at most the heir's size.
        shared: [n] the most units that it shares, in its first section, with the buffers whose heir it is.
        guest: [n] a buffer whose heir it is, or -1.
        sibling: [n] the next buffer with the same heir, or -1.
        lesson: [1] by how much a section that is too full gains weight; 0: the search learns nothing.
        is_snug: [1] whether the candidate that wastes least goes first; 0: the one with the lowest rank.
    """

    size: Ints
    start: Ints
    end: Ints
    first: Ints
    member: Ints
    rank: Ints
    heir: Ints
    gap: Ints
    shared: Ints
    guest: Ints
    sibling: Ints
    lesson: Ints
    is_snug: Ints


class State(NamedTuple):
    """Where the search is; lists of the right length, filled as stated.

    Attributes:
        low: [n] zeros; lowest possible offset of open buffers, offset of placed ones.
        is_open: [n] ones; 0 when placed.
        floor: [m] zeros; lowest `low` of a section's open buffers.
        rest: [m] total size of a section's open buffers, less what an open heir can share.
        options: [m] zeros; number of a section's open buffers that may start at its floor.
        chosen: [n] zeros; the buffers placed, in order.
        left: [n] zeros; first section that changed since each placement.
        right: [n] zeros; one past the last.
        saved: [n * n] zeros; `low` before each placement.
        spent: [1] zero; placements tried.
        weight: [m] ones, kept from search to search; how often a section proved too full.
    """

    low: Ints
    is_open: Ints
    floor: Ints
    rest: Ints
    options: Ints
    chosen: Ints
    left: Ints
    right: Ints
    saved: Ints
    spent: Ints
    weight: Ints


def search(problem: Problem, state: State, capacity: int, budget: int) -> int:
    """Place all buffers below `capacity`, trying at most `budget` placements.

    Returns:
        FOUND (`state.low` holds the offsets), INFEASIBLE (proven), or EXHAUSTED (the budget ended).
    """
    depth, left, right, fits = 0, 0, len(state.floor), True
    while True:
        if fits and is_consistent(problem, state, capacity, left, right):
            section = narrowest(state, capacity)
            if section < 0:
                return FOUND
            if state.spent[0] >= budget:
                return EXHAUSTED
            state.spent[0] += 1
            buffer = preferred(problem, state, section)
            fits = state.low[buffer] + problem.size[buffer] <= capacity
            place(problem, state, buffer, depth)
            left, right = state.left[depth], state.right[depth]
            depth += 1
        else:
            if depth == 0:
                return INFEASIBLE
            depth -= 1
            refuse(problem, state, depth)
            fits = True
            left, right = state.left[depth], state.right[depth]
            if depth > 0:
                state.left[depth - 1] = min(state.left[depth - 1], left)
                state.right[depth - 1] = max(state.right[depth - 1], right)


def place(problem: Problem, state: State, buffer: int, depth: int) -> None:
    """Fix `buffer` at its lowest offset, and lift every open buffer that meets it above it."""
    count = len(problem.size)
    for other in range(count):
        state.saved[depth * count + other] = state.low[other]
    state.chosen[depth] = buffer
    state.is_open[buffer] = 0
    state.rest[problem.start[buffer]] += problem.shared[buffer]
    top = state.low[buffer] + problem.size[buffer]
    left, right = problem.start[buffer], problem.end[buffer]
    for section in range(problem.start[buffer], problem.end[buffer]):
        state.rest[section] -= problem.size[buffer]
        for index in range(problem.first[section], problem.first[section + 1]):
            other = problem.member[index]
            if state.is_open[other] and state.low[other] < top:
                before = state.low[other]
                if problem.heir[other] == buffer:
                    state.low[other] = max(before, state.low[buffer] + problem.gap[other])
                elif problem.heir[buffer] != other or problem.gap[buffer] > 0:
                    state.low[other] = top
                leave_holes(problem, state, other)
                if state.low[other] > before:
                    left = min(left, problem.start[other])
                    right = max(right, problem.end[other])
    state.left[depth] = left
    state.right[depth] = right


def refuse(problem: Problem, state: State, depth: int) -> None:
    """Take back the placement at `depth`, and lift its buffer to the next offset at which it may rest."""
    count = len(problem.size)
    buffer = state.chosen[depth]
    state.is_open[buffer] = 1
    state.rest[problem.start[buffer]] -= problem.shared[buffer]
    for other in range(count):
        state.low[other] = state.saved[depth * count + other]
    for section in range(problem.start[buffer], problem.end[buffer]):
        state.rest[section] += problem.size[buffer]
    lowest = NOWHERE
    for other in range(count):
        meets = problem.start[other] < problem.end[buffer] and problem.start[buffer] < problem.end[other]
        if meets and state.is_open[other] and other != buffer:
            rise = problem.gap[buffer] if problem.heir[buffer] == other else problem.size[other]
            lowest = min(lowest, max(state.low[other] + rise, state.low[buffer] + 1))
    guest = problem.guest[buffer]
    while guest >= 0:
        top = state.low[guest] + problem.size[guest]
        if not state.is_open[guest] and top > state.low[buffer]:
            lowest = min(lowest, top)
        guest = problem.sibling[guest]
    state.low[buffer] = lowest
    leave_holes(problem, state, buffer)


def leave_holes(problem: Problem, state: State, buffer: int) -> None:
    """Lift an open `buffer` above the holes of the placed buffers whose heir it is."""
    guest = problem.guest[buffer]
    while guest >= 0:
        bottom, top = state.low[guest] - problem.gap[guest], state.low[guest] + problem.size[guest]
        if not state.is_open[guest] and bottom < state.low[buffer] < top:
            state.low[buffer] = top
            guest = problem.guest[buffer]
        else:
            guest = problem.sibling[guest]


def is_consistent(problem: Problem, state: State, capacity: int, left: int, right: int) -> bool:
    """Renew the floors of the sections [left, right).

    Returns:
        False if a section cannot hold all of its open buffers between its floor and the capacity.
    """
    for section in range(left, right):
        level, options = NOWHERE, 0
        for index in range(problem.first[section], problem.first[section + 1]):
            other = problem.member[index]
            if state.is_open[other]:
                if state.low[other] < level:
                    level, options = state.low[other], 1
                elif state.low[other] == level:
                    options += 1
        state.floor[section] = level
        state.options[section] = options
        if options > 0 and level + state.rest[section] > capacity:
            state.weight[section] += problem.lesson[0]
            return False
    return True


def narrowest(state: State, capacity: int) -> int:
    """Return the section at which to branch, or -1 if no section has open buffers.

    It is the section in a valley with the fewest alternatives, divided by its weight. Weights grow where the search
    failed before, so it returns there first, also after a restart (Boussemart et al., "Boosting systematic search by
    weighting constraints", ECAI 2004).
    """
    best, best_key = -1, NOWHERE
    left, sections = 0, len(state.floor)
    while left < sections:
        level = state.floor[left]
        right = left + 1
        while right < sections and state.floor[right] == level:
            right += 1
        walled = (left == 0 or state.floor[left - 1] > level) and (right == sections or state.floor[right] > level)
        if walled and level < NOWHERE:
            for section in range(left, right):
                alternatives = state.options[section] + (1 if level + state.rest[section] < capacity else 0)
                key = alternatives * 65536 // state.weight[section] * (capacity + 1) + level
                if key < best_key:
                    best, best_key = section, key
        left = right
    return best


def preferred(problem: Problem, state: State, section: int) -> int:
    """Return the open buffer that may start at the section's floor and wastes least; of equals, the lowest-ranked."""
    best, least = -1, 0
    for index in range(problem.first[section], problem.first[section + 1]):
        other = problem.member[index]
        if state.is_open[other] and state.low[other] == state.floor[section]:
            waste = 0
            if problem.is_snug[0]:
                waste += wasted(problem, state, other, problem.start[other] - 1, -1)
                waste += wasted(problem, state, other, problem.end[other], 1)
            if best < 0 or waste < least or (waste == least and problem.rank[other] < problem.rank[best]):
                best, least = other, waste
    return best


def wasted(problem: Problem, state: State, buffer: int, section: int, step: int) -> int:
    """Count the units of a valley that nothing could fill if `buffer` was placed at its floor.

    The count goes from `section` on to one side (`step` is 1 or -1). If all open buffers of a section at the valley's
    floor meet `buffer`, all of them would be lifted, and the units below them are lost. The count ignores overlap;
    that is allowed because only the order of preference depends on it.
    """
    waste, level, top = 0, state.low[buffer], state.low[buffer] + problem.size[buffer]
    while 0 <= section < len(state.floor) and state.floor[section] == level:
        floor = NOWHERE
        for index in range(problem.first[section], problem.first[section + 1]):
            other = problem.member[index]
            if state.is_open[other] and state.low[other] < floor:
                meets = problem.start[other] < problem.end[buffer] and problem.start[buffer] < problem.end[other]
                floor = min(floor, max(state.low[other], top if meets else level))
        if floor == level:
            break
        waste += floor - level
        section += step
    return waste
