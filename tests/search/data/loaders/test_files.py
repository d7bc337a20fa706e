"""Where the files of a dataset are looked for."""

from pathlib import Path

import pytest

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.loaders._files import VARIABLE, Source


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.delenv(VARIABLE, raising=False)
    return Source("birds", "all birds", "Catch them.", tmp_path / "packaged")


def test_a_named_folder_comes_first_then_the_variable_then_the_package(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, variable, packaged = tmp_path / "named", tmp_path / "all" / "birds", tmp_path / "packaged"
    packaged.mkdir()
    assert source.folder(None) == packaged
    monkeypatch.setenv(VARIABLE, str(tmp_path / "all"))
    assert source.folder(None) == packaged
    variable.mkdir(parents=True)
    assert source.folder(None) == variable
    named.mkdir()
    assert source.folder(named) == named


def test_the_error_names_all_places_and_what_to_do(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "all"))
    with pytest.raises(DatasetError) as caught:
        source.folder(None)
    message = str(caught.value)
    for part in (str(tmp_path / "all" / "birds"), str(tmp_path / "packaged"), "Get all birds. Catch them.", VARIABLE):
        assert part in message


def test_without_any_place_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(DatasetError, match=r"birds comes with no Python package, and \$SPARSE_MCU_DATASETS is not set"):
        Source("birds", "all birds").folder(None)


def test_a_named_folder_that_is_none_is_not_replaced_by_another(tmp_path: Path, source: Source) -> None:
    (tmp_path / "packaged").mkdir()
    with pytest.raises(DatasetError, match=r"no such folder\. Get all birds"):
        source.folder(tmp_path / "named")
