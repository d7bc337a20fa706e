"""Boosted trees: nodes counted by hand, thresholds that are bytes, leaves that 32 bits hold."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from sparse_mcu.search.baselines import gbdt
from sparse_mcu.search.baselines.fitted import error_of, pixels_of
from sparse_mcu.search.data.dataset import Dataset


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The forests that are grown."""
    grown: list[Any] = []

    class Recorded(GradientBoostingClassifier):
        def fit(self, *arguments: Any, **others: Any) -> Any:  # noqa: ANN401 - scikit-learn's
            grown.append(self)
            return super().fit(*arguments, **others)

    monkeypatch.setattr(gbdt, "GradientBoostingClassifier", Recorded)
    monkeypatch.setattr(gbdt, "_ROUNDS", 20)
    return grown


def answers_by_hand(trees: np.ndarray, prior: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Walks every tree on bytes, with thresholds of bytes and leaves of 32 bits."""
    scores = np.tile(prior.astype(np.float32), (len(codes), 1))
    for (_, label), tree in np.ndenumerate(trees):
        inner = tree.tree_
        limits = np.floor(inner.threshold * 255 + 1e-4)
        for row, code in enumerate(codes):
            node = 0
            while inner.children_left[node] >= 0:
                goes_left = code[inner.feature[node]] <= limits[node]
                node = (inner.children_left if goes_left else inner.children_right)[node]
            scores[row, label] += np.float32(0.2) * np.float32(inner.value[node, 0, 0])
    winners: np.ndarray = scores.argmax(axis=1)
    return winners


def test_its_bytes_hold_what_it_needs(few_digits: Dataset, kept: list[Any]) -> None:
    fitted = gbdt.fit(few_digits.train, few_digits.validation, classes=10, seed=0, on_progress=lambda _: None)
    answers = fitted.predict(few_digits.test.images)
    assert error_of(few_digits.test.labels, answers) < 0.25
    trees = next(forest.estimators_ for forest in kept if fitted.setting.startswith(f"{forest.estimators_.size} trees"))
    nodes = sum(tree.tree_.node_count for tree in trees.ravel())
    assert fitted.size_bytes == 6 * nodes + 4 * trees.size + 4 * 10
    assert fitted.ram_bytes == 64 + 4 * 10
    (forest,) = (each for each in kept if each.estimators_ is trees)
    prior = np.log(forest.init_.class_prior_)
    codes = np.rint(pixels_of(few_digits.test.images[:60]) * 255).astype(np.int64)
    assert np.array_equal(answers_by_hand(trees, prior, codes), answers[:60])


def test_two_classes_share_their_trees(few_digits: Dataset, kept: list[Any]) -> None:
    some = few_digits.train.labels < 2
    part = type(few_digits.train)(few_digits.train.images[some], few_digits.train.labels[some])
    fitted = gbdt.fit(part, part, classes=2, seed=0, on_progress=lambda _: None)
    assert kept[0].estimators_.shape[1] == 1
    assert error_of(part.labels, fitted.predict(part.images)) < 0.1
