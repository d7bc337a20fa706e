"""Bonsai: one shallow tree of small non-linear predictors on a sparse projection of the image.

Kumar, Goyal and Varma, "Resource-efficient Machine Learning in 2 KB RAM for the Internet of Things", ICML 2017. Written
after the paper; docs/baselines.md has the equations (B1) to (B4) that this module refers to, and what differs.
"""

from functools import partial

import torch
from torch import nn

from sparse_mcu.search.baselines.fitted import FLOAT_BYTES, Fit, Fitted, ProgressCallback
from sparse_mcu.search.baselines.sparse_training import BudgetedModel, fit_best, share_out
from sparse_mcu.search.data.dataset import Split

COUNTED = (
    "a byte for each number of projection, branches and predictors, 2 B for each entry of a sparse matrix, 4 B for the "
    "scale of each; RAM: the input, and 4 B for each number of the projected image, of a node's two products and of "
    "the scores"
)

_SHAPES = {2048: ((8, 0), (12, 0), (8, 1)), 16384: ((16, 3), (24, 2), (32, 1))}
"""For each budget: dimensions of the projection, and depth of the tree."""
_SHARPNESS = (1.0, 30.0)
_LEARNING_RATE = 0.01


class Bonsai(BudgetedModel):
    """The model.

    Args:
        features: The number of pixels of an image.
        classes: The number of classes.
        projection: The dimensions that the tree works in.
        depth: The depth of the tree; 0 is a single predictor.
        budget: The bytes that all matrices may take.
        sigma: The factor inside of the predictors' tanh.
    """

    def __init__(
        self, features: int, classes: int, *, projection: int, depth: int, budget: int, sigma: float = 1.0
    ) -> None:
        super().__init__()
        nodes, self.sigma, self.sharpness, self.depth = 2 ** (depth + 1) - 1, sigma, _SHARPNESS[0], depth
        # The last column of the projection belongs to a pixel that is always 1.
        self.projection = nn.Parameter(torch.randn(projection, features + 1) / features**0.5)
        self.branches = nn.Parameter(torch.randn(nodes // 2, projection) * 0.5)
        self.weights = nn.Parameter(torch.randn(nodes, classes, projection) * 0.5)
        self.gates = nn.Parameter(torch.randn(nodes, classes, projection) * 0.5)
        sizes = {name: parameter.numel() for name, parameter in self.named_parameters()}
        order = ("branches", "weights", "gates", "projection")
        parts = {"branches": 0.1, "weights": 0.25, "gates": 0.25, "projection": 1.0}
        self.limits = share_out(budget, {name: sizes[name] for name in order}, parts)

    @property
    def ram_bytes(self) -> int:
        """Returns the bytes of the input, the projected image, the two products of a node, and the scores."""
        projection, features = self.projection.shape
        return features - 1 + FLOAT_BYTES * (projection + 3 * self.weights.shape[1])

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Returns the scores [n, classes] of rows of pixels, equation (B1)."""
        projected = pixels @ self.projection[:, :-1].T + self.projection[:, -1]
        values = torch.einsum("nd,kcd->nkc", projected, self.weights)
        gates = torch.tanh(self.sigma * torch.einsum("nd,kcd->nkc", projected, self.gates))
        return (self.visits(projected).unsqueeze(2) * values * gates).sum(dim=1)

    def visits(self, projected: torch.Tensor) -> torch.Tensor:
        """Returns how much each node counts for each image [n, nodes], (B2); in evaluation 1 on its path, else 0.

        Args:
            projected: The projected images [n, projection].
        """
        shares = [projected.new_ones(len(projected))]
        for node in range(len(self.branches)):
            towards = projected @ self.branches[node]
            right = (
                (1 + torch.tanh(self.sharpness * towards)) / 2 if self.training else (towards > 0).to(projected.dtype)
            )
            shares += [shares[node] * (1 - right), shares[node] * right]
        return torch.stack(shares, dim=1)

    def set_progress(self, share: float) -> None:
        """Sharpens the branches, (B3): geometrically from 1 to 30."""
        first, last = _SHARPNESS
        self.sharpness = first * (last / first) ** share

    def loss(self, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Returns the cross entropy, (B4)."""
        return nn.functional.cross_entropy(self(pixels), labels)


def fitter(budget: int) -> Fit:
    """Returns what trains a Bonsai of at most `budget` bytes, which is one of 2048 and 16384."""
    return partial(_fit, budget)


def _fit(
    budget: int, train: Split, validation: Split, *, classes: int, seed: int, on_progress: ProgressCallback
) -> Fitted:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        candidates = {
            f"{projection} dimensions, depth {depth}": Bonsai(
                train.images[0].size, classes, projection=projection, depth=depth, budget=budget
            )
            for projection, depth in _SHAPES[budget]
        }
    return fit_best(candidates, train, validation, seed=seed, learning_rate=_LEARNING_RATE, on_progress=on_progress)
