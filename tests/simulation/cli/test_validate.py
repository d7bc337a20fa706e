"""The command `validate`, on what is recorded."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sparse_mcu.costmodel.cli.console import console
from sparse_mcu.simulation.cli.validate import validate


def test_all_items_are_compared_drawn_and_written(tmp_path: Path) -> None:
    picture, numbers = tmp_path / "errors.svg", tmp_path / "errors.json"
    result = CliRunner().invoke(validate, ["--plot", str(picture), "--json", str(numbers)])
    assert result.exit_code == 0, result.output
    assert "nettle-aes" in result.output
    assert "mean |error|" in result.output
    assert "error of the prediction" in picture.read_text()
    report = json.loads(numbers.read_text())
    assert report["kind"] == "validation"
    assert len(report["items"]) == sum(row["items"] for row in report["summary"])
    for item in report["items"]:
        assert item["predicted_cycles"] == sum(item["causes"].values())


def test_a_folder_that_is_no_checkout_is_a_users_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(validate, ["--embench", str(tmp_path)])
    assert result.exit_code != 0
    assert "no checkout of Embench" in f"{result.output} {result.exception}"


def test_names_stay_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "width", 80)
    result = CliRunner().invoke(validate, [])
    assert "Cycles of embench" in result.stdout
    assert "…" not in result.stdout
