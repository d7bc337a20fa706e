"""What methods share: pixels as bytes, and fewer images of all classes."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from sparse_mcu.search.baselines.fitted import error_of, first_of_each_class, one_thread, pixels_of
from sparse_mcu.search.data.dataset import Split


def numbered(labels: list[int]) -> Split:
    return Split(np.arange(len(labels), dtype=np.float32).reshape(-1, 1, 1, 1), np.array(labels, dtype=np.int64))


def test_pixels_are_rows_of_whole_bytes() -> None:
    images = np.random.default_rng(0).random((5, 2, 3, 4), dtype=np.float32)
    pixels = pixels_of(images)
    assert (pixels.shape, pixels.dtype) == ((5, 24), np.float32)
    codes = pixels.astype(np.float64) * 255
    assert np.abs(codes - np.rint(codes)).max() < 1e-4
    assert np.abs(pixels - images.reshape(5, -1)).max() <= 0.5 / 255 + 1e-6


@settings(max_examples=40, deadline=None)
@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=80), most=st.integers(1, 90), seed=st.integers(0, 3))
def test_fewer_images_keep_the_shares_of_the_classes(labels: list[int], most: int, seed: int) -> None:
    data = numbered(labels)
    some = first_of_each_class(data, most, seed)
    assert len(some.labels) == min(most, len(labels))
    chosen = some.images.ravel().astype(int)
    assert np.array_equal(some.labels, data.labels[chosen])
    assert len(set(chosen.tolist())) == len(chosen)
    for label in set(labels):
        expected = labels.count(label) * min(1, most / len(labels))
        assert abs((some.labels == label).sum() - expected) <= 1 + 1e-9 or len(labels) <= most


def test_the_error_is_a_share() -> None:
    assert error_of(np.array([1, 2, 3, 4]), np.array([1, 2, 0, 0])) == 0.5


def test_one_thread_is_one_thread_and_ends() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
        assert {each["num_threads"] for each in threadpool_info()} <= {1}
    assert torch.get_num_threads() == before
