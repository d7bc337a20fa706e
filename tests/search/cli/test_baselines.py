"""`sparse-mcu baselines` as users see it: table, JSON, picture, what is kept, and mistakes."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from sparse_mcu.costmodel.cli import main
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.baselines import gbdt
from sparse_mcu.search.baselines.catalogue import METHODS, Job, Method
from sparse_mcu.search.baselines.networks import LENET
from sparse_mcu.search.baselines.result import BaselinesReport, Outcome
from sparse_mcu.search.cli import rivals
from sparse_mcu.search.cli.baselines import LARGE_BOARD
from sparse_mcu.search.data.loaders import mnist5k
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.search.space.task import Task
from sparse_mcu.simulation.cache.folder import VARIABLE

MakeSimulation = Callable[[Path, Path], SimulationReport]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_simulation: MakeSimulation) -> None:
    monkeypatch.setattr(rivals, "recipe_for", lambda _: Recipe(epochs=1))
    monkeypatch.setattr(rivals, "emulated_cost", lambda *_: make_simulation)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.delenv("SPARSE_MCU_DATASETS", raising=False)
    monkeypatch.chdir(tmp_path)


def run(*options: str) -> Result:
    return CliRunner().invoke(main, ["baselines", *options])


def test_methods_are_compared_by_size_and_drawn() -> None:
    result = run("--dataset", "digits", "--methods", "lenet,knn", "--json", "a.json", "--output", "rivals")
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "Baselines on digits" in said
    assert "lenet: conv-5x20/max conv-5x50/max dense-500 dense. On stm32f413h-disco: flash" in said
    assert sorted(path.name for path in Path("rivals").iterdir()) == ["baselines.png", "baselines.svg"]
    report = BaselinesReport.model_validate_json(Path("a.json").read_text(encoding="utf-8"))
    assert [row.method for row in report.rows] == sorted(
        ("lenet", "knn"), key=lambda name: next(row.size.bytes for row in report.rows if row.method == name)
    )
    for row in report.rows:
        assert row.test is not None
        assert row.test.images == 359
        assert row.counted


def test_ctrl_c_loses_only_the_method_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def watch(name: str, *, is_interrupted: bool) -> Method:
        def run_method(job: Job, on_progress: Callable[[float], None]) -> Outcome:
            calls.append(name)
            if is_interrupted:
                raise KeyboardInterrupt
            return METHODS[name].run(job, on_progress)

        return replace(METHODS[name], run=run_method)

    options = ("--dataset", "digits", "--methods", "knn,gbdt", "--json", "a.json")
    monkeypatch.setattr(gbdt, "_ROUNDS", 2)
    for is_interrupted, code in ((True, 130), (False, 0), (False, 0)):
        watched = {"knn": watch("knn", is_interrupted=False), "gbdt": watch("gbdt", is_interrupted=is_interrupted)}
        monkeypatch.setattr(rivals, "METHODS", watched)
        assert run(*options).exit_code == code
    assert calls == ["knn", "gbdt", "gbdt"]
    assert run(*options, "--seed", "1", "--board", "microbit").exit_code == 0
    assert calls == ["knn", "gbdt", "gbdt", "knn", "gbdt"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dataset", "digits", "--methods", "kn"), "unknown method 'kn'. There are: knn, svm"),
        (("--dataset", "digit"), "Did you mean 'digits'"),
        (("--dataset", "digits", "--board", "microbits"), "microbit"),
        (("--methods", "knn"), "Give either --dataset NAME or --data DIR."),
    ],
)
def test_mistakes_are_one_line(options: tuple[str, ...], message: str) -> None:
    result = run(*options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_without_test_images_the_rest_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels = np.tile(np.arange(784.0) % 256, (100, 1)), np.arange(100) % 10
    monkeypatch.setattr(mnist5k, "mnist_data", lambda: (pixels, labels))
    result = run("--dataset", "mnist5k", "--methods", "knn", "--json", "a.json")
    assert result.exit_code == 0, result.output
    assert "No test images." in result.stdout
    record = json.loads(Path("a.json").read_text(encoding="utf-8"))
    assert (record["test_fingerprint"], record["rows"][0]["test"]) == (None, None)
    assert "t10k-images-idx3-ubyte" in record["test_missing"]


def test_the_default_board_holds_lenet() -> None:
    weights = build_architecture(parse(LENET), Task((1, 28, 28), 10)).weights
    assert load_board(LARGE_BOARD).flash.size_bytes > 1.1 * weights


def test_help_needs_no_torch() -> None:
    script = "import sys, sparse_mcu.search.cli.baselines; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
