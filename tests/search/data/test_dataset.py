"""Splits: stratified, disjoint, complete, and always the same."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.search.data.dataset import split_dataset


@settings(max_examples=30, deadline=None)
@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=60), share=st.floats(0, 1))
def test_each_class_is_split_by_the_share(labels: list[int], share: float) -> None:
    classes = np.array(labels, dtype=np.int64)
    images = np.arange(len(labels), dtype=np.float32).reshape(-1, 1, 1, 1)
    data = split_dataset("x", images, classes, classes=4, validation_share=share)
    held_out = data.validation.images.ravel().astype(int)
    assert sorted([*data.train.images.ravel(), *held_out]) == list(range(len(labels)))
    assert np.array_equal(data.validation.labels, classes[held_out])
    for label in range(4):
        expected = round(int((classes == label).sum()) * share)
        assert (data.validation.labels == label).sum() == expected


def test_the_fingerprint_sees_every_array() -> None:
    images = np.arange(8, dtype=np.float32).reshape(8, 1, 1, 1)
    labels = np.repeat([0, 1], 4)
    base = split_dataset("x", images, labels, classes=2, validation_share=0.5).fingerprint
    assert base == split_dataset("x", images.copy(), labels, classes=2, validation_share=0.5).fingerprint
    assert base != split_dataset("x", images + 1, labels, classes=2, validation_share=0.5).fingerprint
    assert base != split_dataset("x", images, labels[::-1], classes=2, validation_share=0.5).fingerprint
    assert base != split_dataset("x", images, labels, classes=2, validation_share=0.25).fingerprint
