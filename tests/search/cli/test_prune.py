"""`sparse-mcu prune` as users see it: its table, its picture, its JSON, Ctrl-C, mistakes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sparse_mcu.costmodel.cli import main
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.cli import pruning
from sparse_mcu.search.cli.pruning import scaled
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.results.pruning import PruningReport
from sparse_mcu.search.space.architecture import Architecture
from sparse_mcu.search.space.description import describe, parse

MakeSimulation = Callable[..., SimulationReport]

TEXT = "conv-1x4/valid/max dense-8 dense"
OPTIONS = ("--dataset", "digits", "--board", "microbit", "--epochs", "1")


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fake_costs(monkeypatch: pytest.MonkeyPatch, make_simulation: MakeSimulation) -> None:
    monkeypatch.setattr(pruning, "emulated_cost", lambda *_: make_simulation)


def prune(*options: str, text: str = TEXT) -> Result:
    return CliRunner().invoke(main, ["prune", text, *OPTIONS, *options])


def test_one_network_is_trained_once_pruned_and_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[int] = []
    train = pruning.train

    def counted(architecture: Architecture, *arguments: Any, **others: Any) -> Network:  # noqa: ANN401 - passed on
        trained.append(architecture.weights)
        return train(architecture, *arguments, **others)

    monkeypatch.setattr(pruning, "train", counted)
    chosen = ("--kinds", "magnitude,bayesian", "--strengths", "0.9", "--smaller", "1", "--test")
    result = prune(*chosen, "--output", "out", "--json", "a.json")
    assert result.exit_code == 0, result.output
    assert trained == [4 + 512 + 80, 1 + 32 + 20]
    report = PruningReport.model_validate_json(Path("a.json").read_text(encoding="utf-8"))
    assert report.complete
    assert [row.line for row in report.rows] == ["unpruned", "magnitude", "bayesian", "unpruned"]
    whole, light, _, small = report.rows
    assert light.network == f"{TEXT} prune=magnitude:0.9"
    assert small.network == "conv-1x1/valid/max dense-2 dense"
    assert whole.weight_counts is not None
    assert light.weight_counts is not None
    assert light.weight_counts.nonzero <= 0.1 * whole.weight_counts.nonzero + 1
    assert light.weights_bytes < light.stored_bytes < light.flash_bytes < whole.flash_bytes
    assert light.accuracy.unpruned == whole.accuracy.float
    assert all(row.accuracy.test is not None for row in report.rows)
    for row in report.rows:
        assert (Path(str(row.folder)) / "candidate.onnx").is_file()
    assert Path("out/pruning.json").read_text(encoding="utf-8") == report.model_dump_json(indent=2)
    assert Path("out/pruning.png").read_bytes()[:4] == b"\x89PNG"
    assert Path("out/pruning.svg").is_file()
    for word in ("magnitude", "smaller 1", "gain", "Pruning beat the smaller networks in"):
        assert word in result.stdout


@pytest.mark.usefixtures("fake_costs")
def test_ctrl_c_keeps_what_is_done(monkeypatch: pytest.MonkeyPatch, make_simulation: MakeSimulation) -> None:
    calls: list[Path] = []

    def costs(path: Path, *others: Any) -> SimulationReport:  # noqa: ANN401 - passed on
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return make_simulation(path, *others)

    monkeypatch.setattr(pruning, "emulated_cost", lambda *_: costs)
    options = ("--kinds", "magnitude", "--strengths", "0.5,0.9", "--output", "out", "--json", "-")
    result = prune(*options)
    assert result.exit_code == 130
    assert "Stopped after 2 of 7 networks." in result.stderr
    record = json.loads(result.stdout)
    assert (record["complete"], len(record["rows"])) == (False, 2)
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "01",
        "02",
        "pruning.json",
        "pruning.png",
        "pruning.svg",
    ]


def test_ctrl_c_before_the_first_network_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def costs(*_: object) -> SimulationReport:
        raise KeyboardInterrupt

    monkeypatch.setattr(pruning, "emulated_cost", lambda *_: costs)
    result = prune("--output", "out", "--json", "a.json")
    assert result.exit_code == 130
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (f"{TEXT} prune=magnitude:0.5", (), "the text says how to prune"),
        (TEXT, ("--kinds", "magnitud"), "'magnitud' is none of magnitude, variational, bayesian"),
        (TEXT, ("--strengths", "much"), "'much' is no list of numbers"),
        (TEXT, ("--strengths", "2"), "The strength of magnitude is above 0 and below 1"),
        ("conv-9x4/valid dense", (), "layer block0_conv leaves nothing"),
        (TEXT, ("--output", "."), "is not an empty folder"),
    ],
)
def test_mistakes_are_one_line(text: str, options: tuple[str, ...], message: str) -> None:
    Path("mine").touch()
    result = prune(*options, text=text)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_scaled_network_has_the_same_layers_and_narrower_ones() -> None:
    text = "pool2 conv-3x8|sep-5x6/max down2-3x10/2 avg dense-12 dense augment=0.5"
    halved = "pool2 conv-3x4|sep-5x3/max down2-3x5/2 avg dense-6 dense augment=0.5"
    assert describe(scaled(parse(text), 0.5)) == halved
    assert describe(scaled(parse("conv-3x2 dense"), 0.01)) == "conv-3x1 dense"


def test_help_needs_no_torch() -> None:
    script = "import sys, sparse_mcu.search.cli.prune; sys.exit('torch' in sys.modules or 'onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
