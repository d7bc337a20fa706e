"""Rows come from real trainings, and a command that is killed goes on where it was."""

import lzma
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sparse_mcu.benchmarks.tabular import cli, table
from sparse_mcu.benchmarks.tabular.making import Maker
from sparse_mcu.benchmarks.tabular.rows import BOARDS, SHARES, Log, Row
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.evaluation.pricing import Pricer
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages import quantization
from sparse_mcu.search.space.description import parse
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import DEFAULTS

NETWORK = parse("conv-3x4/max dense")


@pytest.fixture(scope="module")
def maker() -> Maker:
    return Maker(digits.load(), Recipe(epochs=4))


@pytest.fixture(scope="module")
def row(maker: Maker) -> Row:
    return maker.row(NETWORK, 1)


def test_a_training_makes_errors_smaller(row: Row) -> None:
    assert len(row.early_errors) == len(SHARES)
    assert row.early_errors[0] > 1.5 * row.float_error > 0
    assert row.error == pytest.approx(row.float_error, abs=0.05)
    assert row.seconds > 0
    assert (row.network, row.seed, row.weights) == ("conv-3x4/max dense", 1, 676)


def test_the_error_is_that_of_the_int8_network(maker: Maker, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "_WEIGHT_LIMIT", 1)
    coarse = maker.row(NETWORK, 1)
    assert coarse.float_error == row.float_error
    assert coarse.error > row.error + 0.05


def test_seeds_differ_and_a_seed_repeats(maker: Maker, row: Row) -> None:
    again, other = maker.row(NETWORK, 1), maker.row(NETWORK, 2)
    assert again.model_copy(update={"seconds": 0.0}) == row.model_copy(update={"seconds": 0.0})
    assert (other.early_errors, other.error) != (row.early_errors, row.error)


def test_costs_are_those_of_plans_on_each_board(row: Row) -> None:
    for name, costs in zip(BOARDS, row.costs, strict=True):
        board = load_board(name)
        task = digits.load().task
        price = Pricer(task, Target(board), DEFAULTS).price(NETWORK)
        ram, stored, latency = price.objectives.values(("ram_bytes", "stored_size", "latency_ms"))
        assert (costs.ram_bytes, costs.stored_bytes) == (ram, stored)
        assert costs.arena_bytes < costs.ram_bytes
        assert costs.cycles == pytest.approx(latency / 1e3 * board.clock_hz, rel=0.05)
    assert len({costs.cycles for costs in row.costs}) == len(BOARDS)


@pytest.mark.usefixtures("small_models")
def test_a_table_is_made_continued_packed_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "recipe_for", lambda _: Recipe(epochs=1))
    for module in (cli, table):
        monkeypatch.setattr(module, "FOLDER", tmp_path / "tables")
    log, runner = tmp_path / "log", CliRunner()

    def make(rows: int) -> list[Row]:
        result = runner.invoke(cli.main, ["make", "--dataset", "digits", "--rows", str(rows), str(log)])
        assert result.exit_code == 0, result.output
        return [each.model_copy(update={"seconds": 0.0}) for each in Log(log).rows]

    whole = make(5)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:3]) + lines[3][:50])  # what kill -9 may leave
    assert make(5) == whole
    assert make(5) == whole  # nothing is left to do
    packed = runner.invoke(cli.main, ["pack", "--dataset", "digits", str(log)])
    assert packed.exit_code == 0, packed.output
    text = lzma.decompress((tmp_path / "tables" / "digits.csv.xz").read_bytes()).decode()
    assert text.count("\n") == 6
    checked = runner.invoke(cli.main, ["check", "--dataset", "digits"])
    assert checked.exit_code == 0, checked.output
    assert "Rank correlation" in checked.output
    assert not np.isnan(float(checked.output.split("correlation")[1].split(";")[0]))
