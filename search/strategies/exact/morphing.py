"""Draws the pool that a proposal is chosen from: mostly one or two moves away from members of the front."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.moves import MOVES, Move, moved
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.strategies.pareto import Array, non_dominated
from sparse_mcu.search.study.trial import Proposal

_ATTEMPTS = 20
_MOST_MOVES = 2
_PRIOR_TRIES = 4


def move_shares(outcomes: Sequence[tuple[Sequence[str], bool]]) -> dict[str, float]:
    """Returns how often each move should be used, by its name. The shares have the sum 1.

    Each move begins as if it had been tried four times, with the success of all moves. So a move that was never tried
    gets the average share, and no share falls to zero.

    Args:
        outcomes: For each trial that moves made, their names, and whether the trial improved the front.
    """
    names = [_name(move) for move in MOVES]
    tries = Counter(name for moves, _ in outcomes for name in moves)
    wins = Counter(name for moves, improved in outcomes for name in moves if improved)
    usual = (sum(wins.values()) + 1) / (sum(tries.values()) + 2)
    rates = {name: (wins[name] + _PRIOR_TRIES * usual) / (tries[name] + _PRIOR_TRIES) for name in names}
    return {name: rate / sum(rates.values()) for name, rate in rates.items()}


def improved_when_told(values: Array) -> list[bool]:
    """Returns for each row of objectives [n, k] whether no row before it dominated or equalled it."""
    return [
        bool(non_dominated(values[: row + 1])[row]) and not (values[:row] == values[row]).all(axis=1).any()
        for row in range(len(values))
    ]


def parent_weights(costs: Array, *, is_rarity_preferred: bool) -> Array:
    """Returns how likely each member of a front is to be a parent [n]; the sum is 1.

    Args:
        costs: The known objectives of the members [n, k], each scaled to about 0 to 1.
        is_rarity_preferred: Whether members with few others at similar costs are preferred. The weight is then the
            mean distance to the two nearest members, plus a tenth of the largest one.
    """
    if not is_rarity_preferred or len(costs) <= _MOST_MOVES or not costs.shape[1]:
        return np.full(len(costs), 1 / len(costs))
    distances = np.sort(np.linalg.norm(costs[:, np.newaxis] - costs[np.newaxis], axis=-1), axis=1)
    rarity = distances[:, 1:3].mean(axis=1)
    weights = rarity + 0.1 * rarity.max() + np.finfo(np.float64).tiny
    return np.asarray(weights / weights.sum())


def morph(
    parent: Configuration, number: int, space: Space, shares: Mapping[str, float], rng: np.random.Generator
) -> Proposal | None:
    """Returns a network one or two moves away from another one; None if twenty attempts find none.

    Args:
        parent: The network that is changed.
        number: The number of its trial.
        space: The space that the result must lie in.
        shares: How often each move is used, by name.
        rng: The source of the draws.
    """
    center, moves = space.canonical(parent), {_name(move): move for move in MOVES}
    names, probabilities = list(moves), np.array([shares[name] for name in moves])
    for _ in range(_ATTEMPTS):
        chosen = [str(name) for name in rng.choice(names, size=rng.integers(1, _MOST_MOVES + 1), p=probabilities)]
        current: Configuration | None = center
        for name in chosen:
            current = None if current is None else moved(current, moves[name], space, rng)
        if current is not None and current != center:
            return Proposal(configuration=current, parent=number, moves=tuple(chosen))
    return None


def _name(move: Move) -> str:
    return move.__name__
