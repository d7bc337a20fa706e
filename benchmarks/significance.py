"""Tells whether one contender is ahead of others: Wilcoxon's signed-rank test over the seeds that both have run."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import wilcoxon

LEAST_PAIRS = 5
"""With fewer pairs the test cannot give a p-value below 0.05, whatever they are."""


def p_value(ours: Mapping[int, float], theirs: Mapping[int, float]) -> float | None:
    """Returns the p-value for the hypothesis that ours are not larger than theirs. It is one-sided.

    Example: if ours are larger for all of five seeds, the p-value is 2**-5 = 0.031.

    Args:
        ours: A figure of merit of one contender, by seed. More is better.
        theirs: That of another one. Only seeds that both have count.

    Returns:
        The p-value; None if there are fewer than LEAST_PAIRS pairs.
    """
    seeds = sorted(ours.keys() & theirs.keys())
    gains = np.array([ours[seed] - theirs[seed] for seed in seeds])
    if len(gains) < LEAST_PAIRS:
        return None
    return float(wilcoxon(gains, alternative="greater").pvalue) if gains.any() else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values that allow for the number of comparisons, by the method of Holm (1979).

    Example: 0.01, 0.04 and 0.03 become 0.03, 0.06 and 0.06: the smallest one is multiplied by 3, the next by 2 and the
    last by 1, and none falls below one before it.

    Args:
        p_values: The p-values of comparisons that are claimed together.
    """
    order = np.argsort(p_values, kind="stable")
    raised = np.array(p_values, dtype=np.float64)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return [float(value) for value in adjusted]
