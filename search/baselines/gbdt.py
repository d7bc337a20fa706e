"""Gradient-boosted decision trees (Friedman, 2001), one tree for each class and round."""

from collections.abc import Callable

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

from sparse_mcu.search.baselines.fitted import FLOAT_BYTES, Fitted, ProgressCallback, error_of, pixels_of
from sparse_mcu.search.data.dataset import Images, Labels, Split

MOST_IMAGES = 10_000
COUNTED = (
    "6 B for each node (feature 2 B; then threshold and right child 2 B each, or the leaf's value 4 B), 4 B for where "
    "each tree starts and for the first score of each class; RAM: the input, and 4 B for the score of each class"
)

NODE_BYTES = 6
_START_BYTES = 4
_ROUNDS = 100
_DEPTHS = (2, 3)


def fit(train: Split, validation: Split, *, classes: int, seed: int, on_progress: ProgressCallback) -> Fitted:
    """Grows trees of depth 2 or 3 for up to 100 rounds, and keeps the depth and the rounds of least validation error.

    The learning rate is 0.2. Each tree sees half of the images, and each split the root of the number of pixels.
    """
    pixels, checked = pixels_of(train.images), pixels_of(validation.images)
    found: list[tuple[float, int, int, GradientBoostingClassifier]] = []
    for number, depth in enumerate(_DEPTHS):
        forest = GradientBoostingClassifier(
            n_estimators=_ROUNDS, learning_rate=0.2, max_depth=depth, subsample=0.5, max_features="sqrt",
            random_state=seed,
        )  # fmt: skip
        before = number / len(_DEPTHS)
        forest.fit(pixels, train.labels, monitor=_monitor(before, on_progress))
        errors = [error_of(validation.labels, answers) for answers in forest.staged_predict(checked)]
        found.append((min(errors), depth, int(np.argmin(errors)) + 1, forest))
    _, depth, rounds, forest = min(found, key=lambda each: each[:3])

    def predict(images: Images) -> Labels:
        answers: Labels = forest.predict(pixels_of(images)).astype(np.int64)
        return answers

    trees = forest.estimators_ = forest.estimators_[:rounds]
    nodes, leaves = (sum(getattr(tree.tree_, count) for tree in trees.ravel()) for count in ("node_count", "n_leaves"))
    return Fitted(
        predict=predict,
        numbers=int(2 * (nodes - leaves) + leaves),
        size_bytes=int(NODE_BYTES * nodes) + _START_BYTES * trees.size + FLOAT_BYTES * trees.shape[1],
        ram_bytes=train.images[0].size + FLOAT_BYTES * classes,
        setting=f"{trees.size} trees, depth {depth}",
        trained_on=len(train.labels),
    )


def _monitor(before: float, on_progress: ProgressCallback) -> Callable[[int, object, object], bool]:
    """Returns what scikit-learn calls after each round; it never ends the training."""

    def monitor(done: int, _forest: object, _others: object) -> bool:
        on_progress(before + (done + 1) / (_ROUNDS * len(_DEPTHS)))
        return False

    return monitor
