"""A part of the digits, small enough to train on in a test."""

from collections.abc import Iterator

import pytest

from sparse_mcu.search.baselines.fitted import one_thread
from sparse_mcu.search.data.dataset import Dataset, Split, make_dataset
from sparse_mcu.search.data.loaders import digits


@pytest.fixture(scope="session")
def few_digits() -> Dataset:
    """400 images to train on, 150 to validate and 150 to test."""
    whole = digits.load()
    sizes = {"train": 400, "validation": 150, "test": 150}
    parts = {name: Split(getattr(whole, name).images[:n], getattr(whole, name).labels[:n]) for name, n in sizes.items()}
    return make_dataset("digits", classes=10, **parts)


@pytest.fixture(autouse=True)
def as_a_command_runs_them() -> Iterator[None]:
    """Methods run on one thread."""
    with one_thread():
        yield
