"""Moves at both ends: the resolution of the image, and the step from the last map to a vector."""

import numpy as np

from sparse_mcu.search.space.configuration import HEADS, Configuration
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.moves._editing import with_changes


def change_input_pooling(
    configuration: Configuration, limits: Limits, rng: np.random.Generator
) -> Configuration | None:
    """Gives the image a random resolution."""
    return with_changes(configuration, input_pooling=limits.input_poolings[rng.integers(len(limits.input_poolings))])


def change_head(configuration: Configuration, _limits: Limits, _rng: np.random.Generator) -> Configuration | None:
    """Swaps flattening and averaging."""
    return with_changes(configuration, head=next(head for head in HEADS if head != configuration.head))
