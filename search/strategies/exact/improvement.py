"""Says how much a network would improve a front, by random scalarisations whose expectation is the hypervolume.

For a reference point r and a direction lambda of positive numbers, the scalarisation of a network with objectives y is

    s(y) = min_k (r_k - y_k) / lambda_k.

It is how far one can go from r towards lower values, against lambda, before the network no longer dominates the point
that is reached. The farthest of a front's networks gives the length of the front in that direction. For K objectives
and lambda uniform on the positive part of the unit sphere, the mean of the K-th power of that length, times a
constant, is the hypervolume of the front (Golovin and Zhang, "Random Hypervolume Scalarizations for Provable
Multi-Objective Black Box Optimization", 2020, lemma 5).

If only one objective is uncertain, and normally distributed, the expected improvement of s has a closed form. Let a be
the term of the uncertain objective, normal too, c the least term of the known ones, and b the best s of the front. As
long as c > b,

    E[max(min(a, c) - b, 0)] = E[max(a - b, 0)] - E[max(a - c, 0)],

and otherwise nothing can be gained.

Example with r = (1, 1) and lambda = (0.6, 0.8): a network with a certain cost of 0.2 has c = (1 - 0.2) / 0.8 = 1.0. Its
error is expected to be 0.4 with a deviation of 0.12, so a has the mean (1 - 0.4) / 0.6 = 1.0 and the deviation 0.2. The
front has b = 0.9. Then E[max(a - b, 0)] = 0.1396 and E[max(a - c, 0)] = 0.0798, and the expected improvement is 0.0598.
"""

from math import gamma, pi

import numpy as np
import torch

from sparse_mcu.search.strategies.pareto import Array


def draw_direction(rng: np.random.Generator, weights: Array) -> Array:
    """Draws a direction lambda from the positive part of the unit sphere [k].

    Args:
        rng: The source of the draw.
        weights: How much each objective matters [k]; more than 1 turns the directions towards it. Equal weights give
            the uniform distribution.
    """
    direction = weights * np.abs(rng.standard_normal(len(weights)))
    return np.asarray(np.maximum(direction / np.linalg.norm(direction), np.finfo(np.float64).tiny))


def scalarize(values: Array, reference: Array, direction: Array) -> Array:
    """Returns s of objectives [..., k]; larger is better, and it is not positive beyond the reference."""
    return np.asarray(((reference - values) / direction).min(axis=-1))


def hypervolume_constant(objectives: int) -> float:
    """Returns what the mean of s**k is multiplied by to give the hypervolume, for k objectives."""
    return float(pi ** (objectives / 2) / (2**objectives * gamma(objectives / 2 + 1)))


def below(units: Array) -> Array:
    """Returns the probability that a standard normal number is below each of `units`."""
    return np.asarray(torch.special.ndtr(torch.from_numpy(np.ascontiguousarray(units))).numpy(), dtype=np.float64)


def expected_gain(mean: Array, deviation: Array, best: Array | float) -> Array:
    """Returns E[max(a - best, 0)] for normal numbers a with these means and standard deviations [n]."""
    ahead = mean - best
    units = np.divide(ahead, deviation, out=np.zeros_like(ahead), where=deviation > 0)
    density = np.exp(-(np.clip(units, -40, 40) ** 2) / 2) / (2 * pi) ** 0.5
    return np.where(deviation > 0, ahead * below(units) + deviation * density, np.maximum(ahead, 0.0))


def expected_improvement(mean: Array, deviation: Array, cap: Array, best: float) -> Array:
    """Returns E[max(min(a, cap) - best, 0)] for a normal a, as the module derives it.

    Args:
        mean: The mean of a, [n].
        deviation: The standard deviation of a, [n].
        cap: The least term of the known objectives, [n]; infinity if there is none.
        best: The best s so far.
    """
    capped = np.where(np.isfinite(cap), cap, 0.0)
    beyond = np.where(np.isfinite(cap), expected_gain(mean, deviation, capped), 0.0)
    return np.where(cap > best, np.maximum(expected_gain(mean, deviation, best) - beyond, 0.0), 0.0)
