"""Decides at a rung of the training whether a trial can still become good enough.

The costs of a network are known before it is trained. So it is known which trials of the front it has to beat: those
that are nowhere costlier. If its error cannot fall below theirs, they dominate it, whatever else happens.

What the error at the rung says of the final one is learnt from the trials that were trained to the end. On a
logarithmic scale, the final error is that of the rung plus an offset, with some deviation. The optimistic final error
is 1.5 deviations better. A trial goes on only if its optimistic final error beats the least error of those trials.

Example: after a quarter of the training, earlier trials had 2.0 times their final error (offset ln(1 / 2.0) = -0.69),
with a deviation of 0.2. A candidate costs 900 B of RAM, and a trial with 850 B has an error of 4.5 %. The candidate has
an error of 15 % at the rung, which makes (15 + 0.5) / 2 / exp(0.3) - 0.5 = 5.2 % in an optimistic view. It is stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import fmean, stdev
from typing import Self

from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import ERROR_FLOOR
from sparse_mcu.search.evaluation.result import Rung, RungError, Success
from sparse_mcu.search.study.trial import Trial

OPTIMISM = 1.5
"""How many deviations better than expected a trial may turn out."""

_LEAST_TRIALS = 6
_LEAST_DEVIATION = 0.05


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the error at a rung says of the final error, on a logarithmic scale.

    Attributes:
        offset: The mean of ln(final error) - ln(error at the rung); errors are increased by ERROR_FLOOR.
        deviation: The standard deviation of that difference.
    """

    offset: float
    deviation: float

    @classmethod
    def learn(cls, history: Sequence[Trial], share: float, *, inherits: bool) -> Self | None:
        """Returns what the complete trials say that were not pruned; None if fewer than six tell.

        Args:
            history: All earlier trials.
            share: The rung.
            inherits: Whether trials that inherited weights are asked, or the others. Their trainings differ.
        """
        pairs = [
            log(trial.result.objectives["error"].value + ERROR_FLOOR) - log(rung.error + ERROR_FLOOR)
            for trial in history
            if isinstance(trial.result, Success) and trial.configuration.pruning is None
            for rung in trial.result.rungs
            if rung.share == share and has_inherited(trial, rung) == inherits
        ]
        if len(pairs) < _LEAST_TRIALS:
            return None
        return cls(fmean(pairs), max(stdev(pairs), _LEAST_DEVIATION))

    def expected(self, error: float) -> float:
        """Returns the expected ln(final error + ERROR_FLOOR) after an error at the rung."""
        return log(error + ERROR_FLOOR) + self.offset

    def limit(self, final: float) -> float:
        """Returns the largest error at the rung whose optimistic final error is at most `final`."""
        return exp(log(final + ERROR_FLOOR) - self.offset + OPTIMISM * self.deviation) - ERROR_FLOOR


def has_inherited(trial: Trial, rung: RungError) -> bool:
    """Returns whether a training began with a parent's weights. A parent is named even if its weights did not suit."""
    return trial.parent is not None if rung.inherited is None else rung.inherited


@dataclass(frozen=True, slots=True)
class Rival:
    """A complete trial that costs no more than a candidate.

    Attributes:
        number: The number of the trial.
        error: Its error.
    """

    number: int
    error: float


def cheaper_rival(costs: Mapping[str, float], history: Sequence[Trial], bounds: Bounds) -> Rival | None:
    """Returns the trial with the least error among those within the limits that are nowhere costlier.

    Args:
        costs: The candidate's costs by the names of the objectives that are minimised, without the error.
        history: All earlier trials.
        bounds: The limits.
    """
    rivals = [
        Rival(trial.number, trial.result.objectives["error"].value)
        for trial in history
        if isinstance(trial.result, Success)
        and trial.result.fits
        and bounds.allow(trial.result.objectives)
        and all(trial.result.objectives[name].value <= cost for name, cost in costs.items())
    ]
    return min(rivals, key=lambda rival: (rival.error, rival.number), default=None)


def rung_of(
    share: float, costs: Mapping[str, float], history: Sequence[Trial], bounds: Bounds, *, may_inherit: bool
) -> Rung:
    """Returns the rung of a candidate, with the error above which it is stopped.

    Args:
        share: The share of the training that is done at the rung.
        costs: The candidate's own costs, as for `cheaper_rival`.
        history: All earlier trials.
        bounds: The limits, perhaps one of the error.
        may_inherit: Whether the candidate has a parent. Whether it inherits is found out when it is trained, so the
            more generous of both limits holds.
    """
    ways = (False, True) if may_inherit else (False,)
    outlooks = [Outlook.learn(history, share, inherits=inherits) for inherits in ways]
    rival = cheaper_rival(costs, history, bounds)
    allowed = bounds.root.get("error", float("inf"))
    to_beat = allowed if rival is None else min(rival.error, allowed)
    limits = [outlook.limit(to_beat) for outlook in outlooks if outlook is not None]
    if len(limits) < len(ways) or to_beat >= 1:
        return Rung(share=share)
    who = f"trial {rival.number}, which costs no more" if rival and rival.error <= allowed else "the limit of the error"
    return Rung(share=share, limit=max(limits), reason=f"it would hardly beat {who}: {100 * to_beat:.2f} %")
