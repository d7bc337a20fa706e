"""Moves that change how a network is trained and built, but not its layers."""

import numpy as np

from sparse_mcu.search.space.configuration import NO_LEVERS, Configuration, Pruning
from sparse_mcu.search.space.decoding import lever_choices, rounded
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.moves._editing import another, with_changes

_STRONGER = 1.5


def change_pruning(configuration: Configuration, limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Prunes harder, less hard, by another kind or not at all; returns None if the space contains no pruning."""
    before = configuration.pruning
    if before is not None and rng.random() < 0.5:  # noqa: PLR2004 - half of the moves keep the kind
        return with_changes(configuration, pruning=_scaled(before, limits, rng))
    kind = another(None if before is None else before.kind, (None, *limits.prunings), rng)
    if kind is None:
        return None if before is None else with_changes(configuration, pruning=None)
    least, most = limits.strengths(kind)
    return with_changes(
        configuration, pruning=Pruning(kind=kind, strength=rounded((least * most) ** 0.5, (least, most)))
    )


def change_augmentation(configuration: Configuration, limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Gives the training another strength of augmentation, or that of the recipe; returns None if there is no other."""
    choices = [choice for choice in (None, *limits.augmentations) if choice != configuration.augmentation]
    return with_changes(configuration, augmentation=choices[rng.integers(len(choices))]) if choices else None


def change_levers(configuration: Configuration, limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Lets the memory planner do something else; returns None if there is no other choice."""
    levers = another(configuration.levers, (NO_LEVERS, *lever_choices(configuration.blocks, limits)), rng)
    return None if levers is None else with_changes(configuration, levers=levers)


def _scaled(pruning: Pruning, limits: Limits, rng: np.random.Generator) -> Pruning:
    """Returns a pruning that is stronger or weaker. For a share, it is the share of what is left that changes."""
    factor = _STRONGER if rng.random() < 0.5 else 1 / _STRONGER  # noqa: PLR2004 - up or down
    strength = 1 - (1 - pruning.strength) / factor if pruning.kind == "magnitude" else pruning.strength * factor
    return pruning.model_copy(update={"strength": rounded(strength, limits.strengths(pruning.kind))})
