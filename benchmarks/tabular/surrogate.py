"""Foretells the errors of networks that are not in the table, from those that are.

Strategies choose from an open space, and no table holds all of it. So a model of the errors extends the table, as in
NAS-Bench-301 (Siems et al., 2020). Costs need none; they are known.

The model must not favour a strategy. The default strategy fits a Gaussian process to features that it computes from a
network. So this model is another one, trees, and sees another description: the choices of the configuration and a plain
list of its layers' sizes. It is fitted to all rows at once.

The noise is that of the table's repetitions: how the errors of one network differ from seed to seed, after each share
of the training and at its end. Good networks differ less than bad ones. So the repetitions of networks with about the
same error count more.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log, prod
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.model_selection import GroupKFold

from sparse_mcu.benchmarks.tabular.rows import Row
from sparse_mcu.costmodel.records import Record
from sparse_mcu.search.space.architecture import Layer
from sparse_mcu.search.space.configuration import NO_LEVERS, Configuration
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.strategies.models.encoding import DERIVED, encode
from sparse_mcu.search.strategies.pareto import Array

TREES = 300
"""The number of trees of the forest."""

ROUNDS = 150
"""The number of boosted trees."""

_LIKE = 0.7
_LEAST_WEIGHT = 1e-3


class Fidelity(Record):
    """How well a surrogate foretells rows whose networks it has not seen.

    Attributes:
        rows: The number of rows.
        rank_correlation: Spearman's, of final errors.
        deviation: The root mean square of ln(odds) - foretold ln(odds) of final errors.
        seed_noise: The standard deviation of ln(odds) between trainings of one network, which no model can foretell.
        repeated: The number of networks that tell it.
    """

    rows: int
    rank_correlation: float
    deviation: float
    seed_noise: float
    repeated: int


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """How the ln(odds) of errors differ between trainings of one network.

    Attributes:
        centers: The mean ln(odds) of the final error of each network with several trainings [g].
        scatters: The sum of the products of its deviations from the mean [g, k, k].
        freedoms: The number of its trainings, minus one [g].
    """

    centers: Array
    scatters: Array
    freedoms: Array

    @classmethod
    def of(cls, rows: Sequence[Row], odds: Array) -> Self:
        """Returns the noise of rows, whose ln(odds) are given [n, k]."""
        groups: dict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(rows):
            groups[row.network].append(index)
        repeated = [odds[group] for group in groups.values() if len(group) > 1]
        rest = [values - values.mean(axis=0) for values in repeated]
        size = odds.shape[1]
        return cls(
            np.array([values[:, -1].mean() for values in repeated]),
            np.array([each.T @ each for each in rest]).reshape(-1, size, size),
            np.array([len(values) - 1.0 for values in repeated]),
        )

    def at(self, odds: float) -> Array:
        """Returns the covariance for networks of that ln(odds) [k, k]; zero if no network has several trainings."""
        weights = np.exp(-(((self.centers - odds) / _LIKE) ** 2) / 2) + _LEAST_WEIGHT
        scatter = np.tensordot(weights, self.scatters, axes=1)
        return np.asarray(scatter / max(float(weights @ self.freedoms), 1e-9))


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """Foretells errors.

    Attributes:
        space: The space of the networks.
        images: The number of validation images.
        forest: Extremely randomised trees for the ln(odds) of all errors of a row.
        boosted: Boosted trees for the ln(odds) of the final error alone.
        noise: How the ln(odds) of a row's errors differ between seeds.
    """

    space: Space
    images: int
    forest: ExtraTreesRegressor
    boosted: HistGradientBoostingRegressor
    noise: Noise
    _known: dict[Configuration, Array] = field(default_factory=dict)

    @classmethod
    def fit(cls, rows: Sequence[Row], space: Space, images: int) -> Self:
        """Returns a surrogate of all rows.

        Args:
            rows: The rows of a table.
            space: The space of their networks.
            images: The number of validation images behind an error.
        """
        points, odds = _points(rows, space), _odds(rows, images)
        forest = ExtraTreesRegressor(TREES, min_samples_leaf=2, max_features=0.5, random_state=0, n_jobs=1)
        boosted = HistGradientBoostingRegressor(max_iter=ROUNDS, learning_rate=0.06, min_samples_leaf=8, random_state=0)
        return cls(
            space,
            images,
            forest.fit(points, odds),
            boosted.fit(points, odds[:, -1]),
            Noise.of(rows, odds),
        )

    def log_odds(self, configuration: Configuration) -> Array:
        """Returns the expected ln(odds) of the errors after each of SHARES and at the end [len(SHARES) + 1]."""
        key = configuration.model_copy(update={"levers": NO_LEVERS})
        if key not in self._known:
            self._known[key] = self._foretell(_point(key, self.space)[np.newaxis])[0]
        return self._known[key]

    def error(self, configuration: Configuration) -> float:
        """Returns the final error that a network has on the average of its trainings, about."""
        return float(_share(self.log_odds(configuration)[-1]))

    def draw(self, configuration: Configuration, rng: np.random.Generator) -> Array:
        """Returns the errors that one training of a network shows [len(SHARES) + 1], whole images of all."""
        mean = self.log_odds(configuration)
        odds = rng.multivariate_normal(mean, self.noise.at(mean[-1]), method="eigh")
        return np.asarray(np.round(_share(odds) * self.images) / self.images)

    def _foretell(self, points: Array) -> Array:
        """Returns the mean of both models' final errors, and early ones as far above it as the forest says."""
        forest = self.forest.predict(points)
        shift = (self.boosted.predict(points) - forest[:, -1]) / 2
        return np.asarray(forest + shift[:, np.newaxis])


def cross_validated(rows: Sequence[Row], space: Space, images: int, folds: int = 5) -> Fidelity:
    """Returns how well surrogates foretell rows that they were not fitted to. A network lies in one fold only.

    Args:
        rows: The rows of a table.
        space: The space of their networks.
        images: The number of validation images behind an error.
        folds: The number of parts.
    """
    groups = [row.network for row in rows]
    odds, points, foretold = _odds(rows, images), _points(rows, space), np.empty(len(rows))
    for kept, left in GroupKFold(folds).split(points, groups=groups):
        surrogate = Surrogate.fit([rows[row] for row in kept], space, images)
        foretold[left] = surrogate._foretell(points[left])[:, -1]  # noqa: SLF001 - of this module
    final, noise = odds[:, -1], Noise.of(rows, odds)
    return Fidelity(
        rows=len(rows),
        rank_correlation=float(spearmanr(final, foretold).statistic),
        deviation=float(np.sqrt(np.mean((final - foretold) ** 2))),
        seed_noise=float((noise.scatters[:, -1, -1].sum() / max(noise.freedoms.sum(), 1.0)) ** 0.5),
        repeated=len(noise.centers),
    )


def _points(rows: Sequence[Row], space: Space) -> Array:
    return np.stack([_point(row.configuration, space) for row in rows])


def _point(configuration: Configuration, space: Space) -> Array:
    """Returns the choices of a configuration, and the sizes of its network block by block."""
    architecture = build_architecture(configuration, space.task)
    parts: dict[str, list[Layer]] = defaultdict(list)
    for layer in architecture.layers:
        parts[layer.name.split("_")[0]].append(layer)
    slots = [parts.get(f"block{index}", []) for index in range(space.limits.max_blocks)]
    sizes = [value for layers in slots for value in _sizes(layers)]
    total = [log(architecture.weights), log(architecture.macs), log(architecture.working_memory)]
    return np.concatenate([encode(configuration, space)[:-DERIVED], sizes, total])


def _sizes(layers: Sequence[Layer]) -> list[float]:
    """Returns side and elements of a block's output, its weights and its multiply-accumulates; -1 for no block."""
    if not layers:
        return [-1.0] * 4
    shape = layers[-1].output_shape
    counts = (prod(shape), sum(layer.weights for layer in layers), sum(layer.macs for layer in layers))
    return [float(min(shape[1:])), *(log(count + 1) for count in counts)]


def _odds(rows: Sequence[Row], images: int) -> Array:
    """Returns ln(error / (1 - error)) of early and final errors [n, len(SHARES) + 1].

    Errors are kept half an image away from 0 and 1.
    """
    errors = np.array([[*row.early_errors, row.error] for row in rows])
    shares = np.clip(errors, 0.5 / images, 1 - 0.5 / images)
    return np.asarray(np.log(shares / (1 - shares)))


def _share(odds: npt.NDArray[np.float64] | np.float64) -> Any:  # noqa: ANN401 - a number for a number
    return 1 / (1 + np.exp(-odds))
