"""ProtoNN: scores from learnt prototypes in a sparse, learnt projection of the image.

Gupta et al., "ProtoNN: Compressed and Accurate kNN for Resource-scarce Devices", ICML 2017. Written after the paper;
docs/baselines.md has the equations (P1) to (P3) that this module refers to, and what differs.
"""

from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch import nn

from sparse_mcu.search.baselines.fitted import FLOAT_BYTES, Fit, Fitted, ProgressCallback, pixels_of
from sparse_mcu.search.baselines.sparse_training import BudgetedModel, fit_best, share_out
from sparse_mcu.search.data.dataset import Labels, Split

COUNTED = (
    "a byte for each number of projection, prototypes and their scores, 2 B for each entry of a sparse matrix, 4 B for "
    "the scale of each; RAM: the input, and 4 B for each number of the projected image and of the scores"
)

_SHAPES = {2048: ((8, 2), (12, 2), (8, 4)), 16384: ((16, 10), (24, 10), (16, 20))}
"""For each budget: dimensions of the projection, and prototypes of each class."""
_LEARNING_RATE = 0.01

FloatArray = npt.NDArray[np.float32]


class ProtoNN(BudgetedModel):
    """The model.

    Args:
        projection: The initial projection [dimensions, features].
        prototypes: The initial prototypes [prototypes, dimensions].
        scores: The initial scores that a prototype gives to the classes [prototypes, classes].
        gamma: The factor of the distance in the kernel.
        budget: The bytes that all matrices may take.
    """

    def __init__(
        self, projection: FloatArray, prototypes: FloatArray, scores: FloatArray, *, gamma: float, budget: int
    ) -> None:
        super().__init__()
        self.projection, self.prototypes, self.scores = (
            nn.Parameter(torch.from_numpy(values.copy())) for values in (projection, prototypes, scores)
        )
        self.gamma = gamma
        sizes = {name: getattr(self, name).numel() for name in ("prototypes", "scores", "projection")}
        self.limits = share_out(budget, sizes, {"prototypes": 0.25, "scores": 0.25, "projection": 1.0})

    @property
    def ram_bytes(self) -> int:
        """Returns the bytes of the input, the projected image and the scores."""
        dimensions, features = self.projection.shape
        return features + FLOAT_BYTES * (dimensions + self.scores.shape[1])

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Returns the scores [n, classes] of rows of pixels, equation (P1)."""
        projected = pixels @ self.projection.T
        squares = (projected.unsqueeze(1) - self.prototypes).square().sum(dim=2)
        return torch.exp(-(self.gamma**2) * squares) @ self.scores

    def loss(self, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Returns the mean squared distance between scores and classes as unit vectors, (P2)."""
        scores = self.forward(pixels)
        wanted = nn.functional.one_hot(labels, scores.shape[1]).to(scores.dtype)
        return (scores - wanted).square().sum(dim=1).mean()


def fitter(budget: int) -> Fit:
    """Returns what trains a ProtoNN of at most `budget` bytes, which is one of 2048 and 16384."""
    return partial(_fit, budget)


def initial_model(train: Split, *, classes: int, dimensions: int, each: int, budget: int, seed: int) -> ProtoNN:
    """Returns a model before its training, (P3).

    Args:
        train: The training images.
        classes: The number of classes.
        dimensions: Those of the projection; fewer if the images have fewer.
        each: The prototypes of each class; fewer if a class has fewer images.
        budget: The bytes that all matrices may take.
        seed: The seed of the clusters.
    """
    pixels = pixels_of(train.images)
    dimensions = min(dimensions, *pixels.shape)
    projection = PCA(dimensions, svd_solver="covariance_eigh").fit(pixels).components_.astype(np.float32)
    projected = pixels @ projection.T
    prototypes, owners = _clusters(projected, train.labels, classes, each, seed)
    distances = np.sqrt(((projected[:, np.newaxis] - prototypes) ** 2).sum(axis=2).min(axis=1))
    gamma = 1 / max(float(np.median(distances)), 1e-6)
    return ProtoNN(projection, prototypes, np.eye(classes, dtype=np.float32)[owners], gamma=gamma, budget=budget)


def _clusters(projected: FloatArray, labels: Labels, classes: int, each: int, seed: int) -> tuple[FloatArray, Labels]:
    """Returns the centres of the clusters of each class, and the class of each centre."""
    centres, owners = [], []
    for label in range(classes):
        members = projected[labels == label]
        count = min(each, len(np.unique(members, axis=0)))
        if count:
            centres.append(KMeans(count, n_init=1, random_state=seed).fit(members).cluster_centers_)
            owners += [label] * count
    return np.concatenate(centres).astype(np.float32), np.array(owners)


def _fit(
    budget: int, train: Split, validation: Split, *, classes: int, seed: int, on_progress: ProgressCallback
) -> Fitted:
    candidates = {
        f"{dimensions} dimensions, {each} a class": initial_model(
            train, classes=classes, dimensions=dimensions, each=each, budget=budget, seed=seed
        )
        for dimensions, each in _SHAPES[budget]
    }
    return fit_best(candidates, train, validation, seed=seed, learning_rate=_LEARNING_RATE, on_progress=on_progress)
