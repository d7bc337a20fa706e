"""`sparse-mcu train` as users see it: what a trial measures, tables, JSON, exit codes, Ctrl-C."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from image_files import write_classes

from sparse_mcu.costmodel.cli import main
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.cli import training
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.evaluation.spot_check import SpotCheck
from sparse_mcu.search.network.board_classes import board_classes
from sparse_mcu.search.results.training import TrainingReport
from sparse_mcu.simulation.firmware.options import BuildOptions

MakeSimulation = Callable[[Path, Path], SimulationReport]

TEXT = "conv-1x4/valid/max sep-3x6 avg dense-8 dense"
OPTIONS = ("--dataset", "digits", "--board", "microbit", "--epochs", "2")


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fake_costs(monkeypatch: pytest.MonkeyPatch, make_simulation: MakeSimulation) -> None:
    monkeypatch.setattr(training, "emulated_cost", lambda *_: make_simulation)
    monkeypatch.setattr(training, "spot_check", lambda *_: SpotCheck(images=8, differing=0, engine="unicorn"))


def train(*options: str, text: str = TEXT) -> Result:
    return CliRunner().invoke(main, ["train", text, *OPTIONS, *options])


def without(record: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in keys}


def test_a_network_from_its_text_to_its_cycles() -> None:
    result = train("--test", "--json", "a.json", "--output", "net", "--stream")
    assert result.exit_code == 0, result.output
    assert TEXT in result.stdout
    assert "Accuracy on digits" in result.stdout
    report = TrainingReport.model_validate_json(Path("a.json").read_text(encoding="utf-8"))
    assert (report.kind, report.network, report.seed, report.recipe.epochs) == ("training", TEXT, 0, 2)
    assert (report.weights, report.macs) == (4 + 36 + 24 + 48 + 80, 256 + 576 + 384 + 48 + 80)
    graph, data = load_graph(Path("net/candidate.onnx")), digits.load(None)
    for share, images, split in (
        (report.accuracy.validation, report.accuracy.validation_images, data.validation),
        (report.accuracy.test, report.accuracy.test_images, data.test),
    ):
        assert share == pytest.approx(np.mean(board_classes(graph, split.images) == split.labels))
        assert images == len(split.labels)
    assert report.accuracy.float == pytest.approx(report.accuracy.validation, abs=0.05)
    assert report.check.images == 359
    assert report.spot_check == SpotCheck(images=8, differing=0, engine="unicorn")
    assert "the outputs of 0 of 8 test images differ" in result.stdout.replace("\n", " ")
    simulated = CliRunner().invoke(
        main, ["simulate", "net/candidate.onnx", "--board", "microbit", "--stream", "--json", "-"]
    )
    ours, theirs = json.loads(Path("a.json").read_text(encoding="utf-8")), json.loads(simulated.stdout)
    varying = ("kind", "simulated_mips")
    assert without(theirs, *varying).items() <= without(ours, *varying).items()
    assert (Path("net/firmware") / "model.c").is_file()


@pytest.mark.usefixtures("fake_costs")
def test_a_network_for_images_of_the_users_own() -> None:
    write_classes(Path("photos"), ("ape", "bee"), images=20, shape=(12, 10, 3))
    own = ("--data", "photos", "--image-size", "8x8", "--board", "microbit", "--epochs", "1", "--test", "--json", "-")
    result = CliRunner().invoke(main, ["train", "conv-3x4 avg dense", *own])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert (record["dataset"], record["accuracy"]["test_images"]) == ("folder", 8)
    assert record["weights"] == 9 * 3 * 4 + 4 * 2


@pytest.mark.usefixtures("fake_costs")
def test_the_seed_decides_and_the_test_images_wait_until_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "error_on", None)
    records = [json.loads(train("--seed", seed, "--json", "-").stdout) for seed in ("1", "1", "2")]
    assert [record["accuracy"]["test"] for record in records] == [None] * 3
    assert [record["folder"] for record in records] == [None] * 3
    assert without(records[0], "seconds") == without(records[1], "seconds")
    assert records[0]["model"]["sha256"] != records[2]["model"]["sha256"]
    assert list(Path().iterdir()) == []


@pytest.mark.usefixtures("fake_costs")
def test_quantisation_aware_training_on_demand() -> None:
    records = [json.loads(train("--qat", epochs, "--json", "-").stdout) for epochs in ("0", "1")]
    assert [record["fine_tuning"] for record in records] == [0, 1]
    assert records[0]["model"]["sha256"] != records[1]["model"]["sha256"]
    assert records[0]["accuracy"]["float"] == records[1]["accuracy"]["float"]


def test_firmware_is_made_as_the_options_say(monkeypatch: pytest.MonkeyPatch, make_simulation: MakeSimulation) -> None:
    seen: list[object] = []

    def costs(_target: object, options: BuildOptions, _tools: object) -> MakeSimulation:
        seen.append(options)
        return make_simulation

    monkeypatch.setattr(training, "emulated_cost", costs)
    assert train("--optimise", "speed", "--max-recompute", "1.5").exit_code == 0
    assert seen == [BuildOptions("speed", Levers(streaming=True, max_recompute=1.5))]


def test_a_network_that_does_not_fit_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, make_simulation: MakeSimulation
) -> None:
    monkeypatch.setattr(
        training,
        "emulated_cost",
        lambda *_: lambda *given: make_simulation(*given).model_copy(update={"fits": False}),
    )
    result = train("--json", "a.json")
    assert result.exit_code == 1
    assert json.loads(Path("a.json").read_text(encoding="utf-8"))["fits"] is False


@pytest.mark.parametrize(("raised", "code", "said"), [(KeyboardInterrupt, 130, "Interrupted"), (ValueError, 2, "cost")])
def test_what_ends_early_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, raised: type[BaseException], code: int, said: str
) -> None:
    def costs(*_: object) -> SimulationReport:
        raise raised("oops")

    monkeypatch.setattr(training, "emulated_cost", lambda *_: costs)
    result = train("--output", "net", "--json", "a.json")
    assert result.exit_code == code
    assert said in result.stderr
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("cov-3x4 dense", (), "word 1, 'cov-3x4', is unknown"),
        ("conv-9x4/valid dense", (), "layer block0_conv leaves nothing of its input of 1x8x8"),
        ("conv-3x4 conv-3x6/add dense", (), "layer block1_add adds 6x8x8 and 4x8x8"),
        ("dense prune=bayes:1", (), "names no kind of pruning: 'bayes'"),
        (TEXT, ("--dataset", "digit"), "Did you mean 'digits'"),
        (TEXT, ("--data", "photos"), "Give either --dataset NAME or --data DIR."),
        (TEXT, ("--image-size", "9x9"), "--image-size does not go with digits"),
        (TEXT, ("--board", "microbits"), "microbit"),
        (TEXT, ("--epochs", "0"), "--epochs"),
        (TEXT, ("--output", "."), "is not an empty folder"),
    ],
)
def test_mistakes_are_one_line(text: str, options: tuple[str, ...], message: str) -> None:
    Path("mine").touch()
    result = train(*options, text=text)
    assert result.exit_code == 2
    assert message in result.stderr
    assert [path.name for path in Path().iterdir()] == ["mine"]


def test_help_needs_no_torch() -> None:
    script = "import sys, sparse_mcu.search.cli.train; sys.exit('torch' in sys.modules or 'onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
