"""k nearest neighbours: the whole training part is the model."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from sparse_mcu.search.baselines.fitted import FLOAT_BYTES, Fitted, ProgressCallback, error_of, pixels_of
from sparse_mcu.search.data.dataset import Images, Labels, Split

MOST_IMAGES = 10_000
COUNTED = (
    "a byte for each pixel and each label of the stored training images; RAM: the input, and distance (4 B) and label "
    "of the k nearest"
)

_NEIGHBOURS = (1, 3, 5, 7)


def fit(train: Split, validation: Split, *, classes: int, seed: int, on_progress: ProgressCallback) -> Fitted:
    """Stores the training images, and chooses k from 1, 3, 5 and 7 by the validation error."""
    del seed  # nothing is drawn
    stored = NearestNeighbors(algorithm="brute").fit(pixels_of(train.images))
    nearest = _nearest_labels(stored, train.labels, validation.images, max(_NEIGHBOURS))
    on_progress(1.0)
    errors = {k: error_of(validation.labels, vote(nearest[:, :k], classes)) for k in _NEIGHBOURS}
    best = min(errors, key=lambda k: errors[k])

    def predict(images: Images) -> Labels:
        return vote(_nearest_labels(stored, train.labels, images, best), classes)

    count, features = len(train.labels), train.images[0].size
    return Fitted(
        predict=predict,
        numbers=count * features,
        size_bytes=count * (features + 1),
        ram_bytes=features + best * (FLOAT_BYTES + 1),
        setting=f"k={best}",
        trained_on=count,
    )


def vote(nearest: Labels, classes: int) -> Labels:
    """Returns the class that most neighbours have; among equals, that of the nearer neighbours.

    Args:
        nearest: The classes of the neighbours [n, k], the nearest first.
        classes: The number of classes.
    """
    votes = np.zeros((len(nearest), classes))
    for rank in range(nearest.shape[1]):  # the additions sum up to less than one vote
        votes[np.arange(len(nearest)), nearest[:, rank]] += 1 + 0.5 ** (rank + 1)
    winners: Labels = votes.argmax(axis=1)
    return winners


def _nearest_labels(stored: NearestNeighbors, labels: Labels, images: Images, k: int) -> Labels:
    indices = stored.kneighbors(pixels_of(images), n_neighbors=k, return_distance=False)
    found: Labels = labels[indices]
    return found
