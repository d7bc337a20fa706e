"""Finds the non-dominated rows of a table and their hypervolume. Less is better in every column."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
"""Real numbers in double precision, of any shape."""


def non_dominated(values: Array) -> npt.NDArray[np.bool_]:
    """Marks the rows that no other row dominates.

    A row dominates another one if it is nowhere worse and somewhere better. Equal rows do not dominate each other.

    Example: of the rows (1, 4), (2, 2), (3, 3) and (4, 1), only (3, 3) is dominated, by (2, 2). The answer is
    (True, True, False, True).

    Args:
        values: The objectives, [n, k].

    Returns:
        bool [n].
    """
    nowhere_worse = (values[:, np.newaxis] <= values[np.newaxis]).all(axis=-1)
    somewhere_better = (values[:, np.newaxis] < values[np.newaxis]).any(axis=-1)
    return np.logical_not((nowhere_worse & somewhere_better).any(axis=0))


def hypervolume(values: Array, reference: Array) -> float:
    """Returns the volume that some rows dominate, up to a reference point.

    Example: with the reference (5, 5), the rows (1, 4), (2, 2), (3, 3) and (4, 1) dominate 11 unit squares. Going from
    left to right, (1, 4) adds 4 x 1 squares, (2, 2) adds 3 x 2 below those, (4, 1) adds 1 x 1 below those, and (3, 3)
    adds none.

    Args:
        values: The objectives, [n, k]. A row that is not better than the reference in every column adds nothing.
        reference: The worst value of each objective that counts, [k].

    Returns:
        The volume in the product of the objectives' units.
    """
    inside = values[(values < reference).all(axis=1)]
    return _volume(inside[non_dominated(inside)], reference)


def _volume(front: Array, reference: Array) -> float:
    """Returns the volume of a front by the recursion of While, Bradstreet and Barone (WFG, 2012).

    Each row adds its own box, minus the part of it that later rows dominate. Cut to the box, those rows are a smaller
    problem of the same kind, because many of them become dominated.
    """
    ordered = front[np.lexsort(front.T)]
    total = 0.0
    for index, row in enumerate(ordered):
        cut = np.unique(np.maximum(ordered[index + 1 :], row), axis=0)
        shared = _volume(cut[non_dominated(cut)], reference) if len(cut) else 0.0
        total += float(np.prod(reference - row)) - shared
    return total
