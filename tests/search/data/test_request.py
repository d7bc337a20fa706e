"""Which data a command works on."""

import pickle

import pytest

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.images import ImageOptions
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.data.request import DataRequest


def test_a_request_loads_its_dataset_also_in_another_process() -> None:
    request: DataRequest = pickle.loads(pickle.dumps(DataRequest(name="digits")))  # noqa: S301 - our own bytes
    assert request == DataRequest(name="digits")
    assert request.load().fingerprint == digits.load().fingerprint


@pytest.mark.parametrize("name", ["digits", "mnist5k", "mnist", "fashion-mnist", "cifar10", "cifar10-binary", "chars"])
def test_datasets_of_one_form_refuse_another(name: str) -> None:
    with pytest.raises(DatasetError, match=f"--colour does not go with {name}"):
        DataRequest(name=name, images=ImageOptions(colour="rgb")).load()


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(DatasetError, match="unknown dataset 'minst'"):
        DataRequest(name="minst").load()
