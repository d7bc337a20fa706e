"""Finds which layer of a parent network a layer of its child continues.

The names of layers do not tell, since a block that comes or goes renumbers the blocks after it.
"""

from math import inf, log2

from sparse_mcu.search.space.architecture import Architecture, Conv, Dense

Weighted = Conv | Dense

_ALONE = 1.0  # the distance of a layer that has no partner
_KERNEL = 0.2
_POINTWISE = 0.3
_STRIDE = 0.2
_RELU = 0.1


def match_layers(parent: Architecture, child: Architecture) -> dict[str, Weighted]:
    """Returns the parent's layer that each layer of the child continues, by the name of the child's layer.

    The partners keep their order. Among all such pairings, the one with the least sum of distances is taken. Layers
    without a partner count in that sum too (an edit distance). Of equally good pairings, the one is taken that pairs
    the first layers. So a new layer follows its like, whose ReLU lets it begin as the identity.

    Args:
        parent: The layers that have weights to give.
        child: The layers that want weights.

    Returns:
        The partners. New layers are missing.
    """
    old, new = _weighted(parent), _weighted(child)
    costs = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) + 1):
        for j in range(len(new) + 1):
            if i or j:
                costs[i][j] = min(
                    costs[i - 1][j] + _ALONE if i else inf,
                    costs[i][j - 1] + _ALONE if j else inf,
                    costs[i - 1][j - 1] + distance(old[i - 1], new[j - 1]) if i and j else inf,
                )
    partners: dict[str, Weighted] = {}
    i, j = len(old), len(new)
    while i and j:
        if costs[i][j] == costs[i][j - 1] + _ALONE:
            j -= 1
        elif costs[i][j] == costs[i - 1][j] + _ALONE:
            i -= 1
        else:
            i, j = i - 1, j - 1
            partners[new[j].name] = old[i]
    return partners


def distance(old: Weighted, new: Weighted) -> float:
    """Returns how unlike two layers are: 0 for like ones, infinity if the weights of one are useless in the other."""
    if isinstance(old, Dense) and isinstance(new, Dense) and old.hidden == new.hidden:
        return abs(log2(new.units / old.units)) / 2
    if isinstance(old, Conv) and isinstance(new, Conv) and (old.groups > 1) == (new.groups > 1):
        widths = 0.0 if new.groups > 1 else abs(log2(new.channels / old.channels)) / 2
        kernels = min(abs(new.kernel - old.kernel), 2) * _KERNEL + ((new.kernel == 1) != (old.kernel == 1)) * _POINTWISE
        return widths + kernels + (new.stride != old.stride) * _STRIDE + (new.relu != old.relu) * _RELU
    return inf


def _weighted(architecture: Architecture) -> list[Weighted]:
    return [layer for layer in architecture.layers if isinstance(layer, Conv | Dense)]
