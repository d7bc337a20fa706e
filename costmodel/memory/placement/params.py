"""The ideas of the placement search, each a switch, so that what it is worth can be measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlacementParams:
    """Which ideas `place` uses.

    No switch changes what is true: every combination gives valid offsets and a true lower bound. A switch changes
    only how soon the search finds a low placement or its proof. `python -m sparse_mcu.benchmarks.planners --ablate`
    turns each one off in turn.

    Attributes:
        all_rankings: Rank the buffers in every known way (by load, size, area, fullest section, and by birth where
            buffers may overlap). Off: only by load.
        orientation: Where buffers may overlap, first search over which buffer of each pair is the lower one, with
            half of the node budget.
        exact_search: Search exactly after the greedy placements. Off: greedy (and orientation) only.
        steps_down: In three of four rounds, aim a little below the best height instead of at the lowest possible one.
            Easy goals are reached almost without backtracking, and each one makes the next goal lower.
        patience: After 64 failed steps down in a row, halve the step. Off: always a quarter of the gap.
        growing_budgets: Give the attempts at the lowest height node budgets in the Luby sequence. Off: always the
            same budget, so a long proof may never be finished.
        jitter: Shake the ranking of each attempt after the first round by up to a tenth up or down.
        promising_rankings: Restart only with the three best rankings. Off: with all of them. Where buffers may
            overlap, all of them are always used.
        learns: Look first at sections that were too full before. Off: past failures count for nothing.
        remembers: An attempt passes half of what it learned on to the next one of the same ranking.
        fits_snugly: Among the buffers that could be placed next, prefer the one that wastes the fewest bytes beside
            it. Off: the ranking alone decides.
    """

    all_rankings: bool = True
    orientation: bool = True
    exact_search: bool = True
    steps_down: bool = True
    patience: bool = True
    growing_budgets: bool = True
    jitter: bool = True
    promising_rankings: bool = True
    learns: bool = True
    remembers: bool = True
    fits_snugly: bool = True


DEFAULT_PARAMS = PlacementParams()
"""Every idea switched on."""
