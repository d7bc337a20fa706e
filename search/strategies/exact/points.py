"""Turns configurations into points for the model of the error, and keeps them."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.strategies.models.encoding import DERIVED, encode
from sparse_mcu.search.strategies.models.features import features
from sparse_mcu.search.strategies.pareto import Array


def points_of(configurations: Iterable[Configuration], space: Space) -> Array:
    """Returns configurations as points [n, d]: their choices, then the features of their layers.

    The levers of the memory planner are left out, since no error depends on them.
    """
    return np.stack(
        [np.concatenate([_choices(each, space), features_of(each, space)]) for each in configurations], axis=0
    )


@lru_cache(maxsize=8192)
def features_of(configuration: Configuration, space: Space) -> Array:
    """Returns the features of a configuration's layers."""
    return features(build_architecture(configuration, space.task))


@lru_cache(maxsize=8192)
def _choices(configuration: Configuration, space: Space) -> Array:
    return encode(configuration.without_levers, space)[:-DERIVED]
