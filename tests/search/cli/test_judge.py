"""`sparse-mcu judge` as users see it: table, JSON, copies, and refusals."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from image_files import write_classes

from sparse_mcu.costmodel.cli import main
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.cli import session
from sparse_mcu.search.data.dataset import Split
from sparse_mcu.search.data.loaders import digits, mnist5k
from sparse_mcu.search.evaluation.evaluator import Evaluator
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import train
from sparse_mcu.search.results.judgement import JudgeReport
from sparse_mcu.search.run import local

MakeSimulation = Callable[[Path, Path], SimulationReport]

START = ("--start", "dense", "--start", "dense-8 dense")
DIGITS = ("--dataset", "digits", "--board", "microbit")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, make_simulation: MakeSimulation, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "recipe_for", lambda _: Recipe(epochs=1))
    monkeypatch.setattr(local, "emulated_cost", lambda *_: make_simulation)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPARSE_MCU_DATASETS", raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def search(*options: str) -> dict[str, Any]:
    result = run("search", "--study", "a.study", *START, *options, "--trials", "2", "--json", "-")
    assert result.exit_code == 0, result.output
    record: dict[str, Any] = json.loads(result.stdout)
    return record


def test_finalists_are_judged_shown_and_copied() -> None:
    before = search(*DIGITS)["pareto"]
    result = run("judge", "a.study", "--seeds", "2", "--epochs", "2", "--json", "a.json", "--output", "best")
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "Finalists: digits on microbit" in said
    assert "the mean of 2 trainings" in said
    assert f"0 of {2 * 8 * len(before)} runs on test images gave other outputs" in said
    report = JudgeReport.model_validate_json(Path("a.json").read_text(encoding="utf-8"))
    assert {each.trial for each in report.finalists} == {member["trial"] for member in before}
    means = [each.validation.mean for each in report.finalists]
    assert means == sorted(means)
    for each in report.finalists:
        assert (each.recipe.epochs, each.test.images, len(each.seeds)) == (2, 359, 2)
        (median,) = (seed for seed in each.seeds if seed.seed == each.median_seed)
        assert load_graph(Path(f"best/trial-{each.trial:04d}/candidate.onnx")).sha256 == median.model.sha256
    shown = run("search", "--study", "a.study", *START, *DIGITS, "--trials", "2", "--json", "b.json")
    assert "The test error is that of `judge` on 359 images" in " ".join(shown.stdout.split())
    after = json.loads(Path("b.json").read_text(encoding="utf-8"))["pareto"]
    tests = {each.trial: each.test.model_dump(mode="json") for each in report.finalists}
    assert [member["test"] for member in after] == [tests[member["trial"]] for member in after]


def test_images_of_the_users_own_are_named_again() -> None:
    write_classes(Path("photos"), ("ape", "bee"), images=20, shape=(12, 10, 3))
    search("--data", "photos", "--image-size", "8x8", "--board", "microbit")
    assert "name their folder with --data DIR" in run("judge", "a.study").stderr
    other = run("judge", "a.study", "--data", "photos", "--image-size", "8x8", "--split-seed", "1")
    assert other.exit_code == 2
    assert "the images or their split are not those of the study" in other.stderr
    own = ("--data", "photos", "--image-size", "8x8", "--trials", "1", "--seeds", "1", "--json", "-")
    record = json.loads(run("judge", "a.study", *own).stdout)
    (finalist,) = record["finalists"]
    assert (finalist["trial"], finalist["test"]["images"], finalist["test"]["deviation"]) == (1, 8, None)


def test_ctrl_c_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def costs(*_: object) -> SimulationReport:
        raise KeyboardInterrupt

    search(*DIGITS)
    monkeypatch.setattr(local, "emulated_cost", lambda *_: costs)
    result = run("judge", "a.study")
    assert result.exit_code == 130
    assert "What is judged is kept; the same command continues from there." in " ".join(result.stderr.split())


def test_finalists_get_four_times_the_epochs_and_the_best_are_few() -> None:
    search(*DIGITS)
    record = json.loads(run("judge", "a.study", "--best", "1", "--seeds", "1", "--json", "-").stdout)
    (finalist,) = record["finalists"]
    assert finalist["recipe"]["epochs"] == 4
    trials = json.loads(run("search", "--study", "a.study", *START, *DIGITS, "--trials", "2", "--json", "-").stdout)
    errors = {member["trial"]: member["objectives"]["error"]["value"] for member in trials["pareto"]}
    assert errors[finalist["trial"]] == min(errors.values())


def test_finalists_may_be_trained_on_the_validation_images_too(monkeypatch: pytest.MonkeyPatch) -> None:
    search(*DIGITS)
    trained: list[int] = []

    def counting(architecture: Any, data: Split, *others: Any, **named: Any) -> Any:  # noqa: ANN401 - a network
        trained.append(len(data.labels))
        return train(architecture, data, *others, **named)

    monkeypatch.setattr(local, "Evaluator", partial(Evaluator, train=counting))
    for options in ((), ("--refit",)):
        result = run("judge", "a.study", "--epochs", "1", "--seeds", "2", "--json", "a.json", *options)
        assert result.exit_code == 0, result.output
    said, report = " ".join(result.stdout.split()), json.loads(Path("a.json").read_text(encoding="utf-8"))
    assert "All were trained on the validation images, too" in said
    data, runs = digits.load(), 2 * len(report["finalists"])
    few, many = len(data.train.labels), len(data.train.labels) + len(data.validation.labels)
    assert trained == [few] * runs + [many] * runs
    for each in report["finalists"]:
        assert each["validation"] is None
        assert each["test"]["images"] == 359
        assert "error" not in each["objectives"]
        assert each["objectives"]["flash_bytes"]["value"] > 0


MISTAKES = [
    (("a.study", "--best", "1", "--trials", "1"), "give one of them"),
    (("b.study",), "no such study"),
    (("a.study", "--trials", "1,x"), "'1,x' is not a list of numbers, such as 3,17"),
    (("a.study", "--trials", "7"), "trial 7 is not complete"),
    (("a.study", "--data", "."), "The study's dataset is digits: use --data-dir"),
    (("a.study", "--board", "bluepill"), "the study is for microbit, not for bluepill"),
    (("a.study", "--seeds", "0"), "--seeds"),
]


def test_mistakes_are_one_line() -> None:
    search(*DIGITS)
    for arguments, message in MISTAKES:
        result = run("judge", *arguments)
        assert (result.exit_code, message in result.stderr) == (2, True), arguments


def test_missing_test_images_are_named_before_any_training(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels = np.tile(np.arange(784.0) % 256, (40, 1)), np.arange(40) % 10
    monkeypatch.setattr(mnist5k, "mnist_data", lambda: (pixels, labels))
    search("--dataset", "mnist5k", "--board", "microbit")
    monkeypatch.setattr(local, "emulated_cost", None)
    result = run("judge", "a.study")
    assert result.exit_code == 2
    assert "t10k-images-idx3-ubyte" in result.stderr


def test_help_needs_no_torch() -> None:
    script = "import sys, sparse_mcu.search.cli.judge; sys.exit('torch' in sys.modules or 'onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
