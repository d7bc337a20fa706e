"""Puts objectives on scales on which strategies and results compare them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sparse_mcu.search.evaluation.objectives import KINDS
from sparse_mcu.search.strategies.pareto import Array


def to_log(values: npt.ArrayLike, names: Sequence[str]) -> Array:
    """Returns objectives [..., k] on logarithmic scales, where a halving counts the same everywhere.

    Each value is increased by the `floor` of its objective before: errors by half a per cent, other objectives by 0.

    Args:
        values: The objectives, [..., k].
        names: Their names, k of them.
    """
    shifted = np.array(values, dtype=np.float64) + [KINDS[name].floor for name in names]
    return np.log(np.maximum(shifted, np.finfo(np.float64).tiny))
