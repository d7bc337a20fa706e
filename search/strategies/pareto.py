"""Dominance and hypervolume; every objective is minimised."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
"""Real numbers in double precision, of any shape."""


def non_dominated(values: Array) -> npt.NDArray[np.bool_]:
    """Which rows of [n, k] no other row dominates: is nowhere worse than, and somewhere better.

    Of equal rows, all are kept.
    """
    nowhere_worse = (values[:, np.newaxis] <= values[np.newaxis]).all(axis=-1)
    somewhere_better = (values[:, np.newaxis] < values[np.newaxis]).any(axis=-1)
    return np.logical_not((nowhere_worse & somewhere_better).any(axis=0))


def hypervolume(values: Array, reference: Array) -> float:
    """Volume [in the product of the objectives' units] that rows [n, k] dominate within `reference` [k]."""
    import torch  # noqa: PLC0415 - torch takes seconds to import, and reading a study does not need it

    from sparse_mcu.search.strategies._botorch import Hypervolume  # noqa: PLC0415 - likewise

    inside = values[(values < reference).all(axis=1)]
    if not len(inside):
        return 0.0
    front = torch.from_numpy(-inside[non_dominated(inside)])
    return Hypervolume(ref_point=torch.from_numpy(-reference)).compute(front)
