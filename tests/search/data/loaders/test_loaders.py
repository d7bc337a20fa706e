"""The registry, and what every dataset must offer."""

from importlib import import_module

import pytest

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.loaders import NAMES, find_dataset


def test_every_module_is_a_dataset() -> None:
    assert list(NAMES) == [
        "chars",
        "chars74k",
        "chars74k-binary",
        "cifar10",
        "cifar10-binary",
        "curet",
        "digits",
        "fashion-mnist",
        "folder",
        "mnist",
        "mnist5k",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_dataset_conforms(name: str) -> None:
    module = find_dataset(name)
    assert module is import_module(f"sparse_mcu.search.data.loaders.{name.replace('-', '_')}")
    assert callable(module.load)


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(DatasetError, match="Did you mean 'digits'"):
        find_dataset("digit")
