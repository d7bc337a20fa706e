"""Prices are kept in a file, for a board and a task."""

from pathlib import Path

import pytest

from sparse_mcu.benchmarks.tabular import prices
from sparse_mcu.benchmarks.tabular.prices import KeptPrices
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.task import Task

NETWORK, TASK = parse("conv-3x4/max dense"), Task((1, 8, 8), 10)


def test_prices_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = KeptPrices(TASK, "microbit", tmp_path / "prices")(NETWORK, "plan")
    other = KeptPrices(TASK, "nucleo-f746zg", tmp_path / "prices")(NETWORK, "plan")
    assert first != other
    with (tmp_path / "prices").open("a", encoding="utf-8") as file:
        file.write('["microbit 1x8x8 10", "torn')
    monkeypatch.setattr(prices, "Pricer", lambda *_: None)
    kept = KeptPrices(TASK, "microbit", tmp_path / "prices")
    assert kept(NETWORK, "plan") == first
    assert kept(NETWORK.model_copy(update={"augmentation": 1.0}), "plan") == first
    assert kept(NETWORK, "build").least["ram_bytes"] == first.objectives["ram_bytes"].value


def test_the_shape_is_priced_without_a_file() -> None:
    assert KeptPrices(TASK, "microbit")(NETWORK, "shape").level == "shape"
