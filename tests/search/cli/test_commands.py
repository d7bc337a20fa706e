"""`sparse-mcu search` as users see it: tables, JSON, exit codes, Ctrl-C, and a whole real trial."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
import pytest
from click.testing import CliRunner, Result
from image_files import write_classes

from sparse_mcu.costmodel.cli import main
from sparse_mcu.costmodel.cli.console import console
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.cli import session
from sparse_mcu.search.data.dataset import Split
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.search.evaluation import costs
from sparse_mcu.search.evaluation.objectives import KINDS
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.run import local
from sparse_mcu.search.space.catalogue import load_space
from sparse_mcu.search.space.configuration import LeverChoice
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.study.settings import library_versions
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import BuildOptions

MakeSimulation = Callable[..., SimulationReport]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "recipe_for", lambda _: Recipe(epochs=1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPARSE_MCU_DATASETS", raising=False)


@pytest.fixture
def fake_costs(monkeypatch: pytest.MonkeyPatch, make_simulation: MakeSimulation) -> None:
    """Costs at once; and no picture is drawn, which would take longer than the trials."""
    monkeypatch.setattr(local, "emulated_cost", lambda *_: make_simulation)
    monkeypatch.setattr(session, "save_front", name_pictures)


def name_pictures(_trials: object, _settings: object, folder: Path, _baselines: object) -> None:
    folder.mkdir(exist_ok=True)
    for name in ("front.png", "front.svg"):
        (folder / name).touch()


def search(*options: str) -> Result:
    return CliRunner().invoke(main, ["search", "--study", "a.study", "--jobs", "1", *options])


DIGITS = ("--dataset", "digits", "--board", "microbit")


def loads(path: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return record


def test_a_real_trial_from_training_to_cycles() -> None:
    result = search(*DIGITS, "--trials", "1", "--json", "a.json")
    assert result.exit_code == 0, result.output
    assert "Pareto front: digits on microbit" in result.output
    record = loads("a.json")
    assert record["schema_version"] == 2
    (member,) = record["pareto"]
    assert {key: value["fidelity"] for key, value in member["objectives"].items()} == {
        "error": "analysed",
        "float_error": "analysed",
        "model_size": "analysed",
        "stored_size": "analysed",
        "working_memory_1": "analysed",
        "working_memory_2": "analysed",
        "ram_bytes": "analysed",
        "flash_bytes": "analysed",
        "latency_ms": "estimated",
        "energy_mj": "estimated",
    }
    onnx.checker.check_model(onnx.load(member["onnx"]))
    assert (Path(member["firmware"]) / "model.c").is_file()
    report = SimulationReport.model_validate_json(Path(member["report"]).read_text(encoding="utf-8"))
    assert report.outputs_match_reference
    values = {name: objective["value"] for name, objective in member["objectives"].items()}
    assert values["ram_bytes"] == report.ram.total_bytes
    assert values["stored_size"] == report.flash.weights_bytes + report.flash.constants_bytes
    assert values["energy_mj"] == report.energy_uj / 1000
    assert values["model_size"] <= values["stored_size"] < values["flash_bytes"] == report.flash.total_bytes
    assert Path("a.study.artifacts/front.png").is_file()


@pytest.mark.usefixtures("fake_costs")
def test_a_study_goes_on_and_is_the_same_by_parts() -> None:
    assert search(*DIGITS, "--trials", "2", "--json", "a.json", "--output", "pictures").exit_code == 0
    assert sorted(path.name for path in Path("pictures").iterdir()) == ["front.png", "front.svg"]
    again = search(*DIGITS, "--trials", "3", "--json", "-")
    assert json.loads(again.stdout)["trials"]["complete"] == 3
    CliRunner().invoke(
        main, ["search", "--study", "b.study", "--jobs", "1", *DIGITS, "--trials", "3", "--json", "b.json"]
    )
    hashes = [
        [member["model"]["sha256"] for member in r["pareto"]] for r in (json.loads(again.stdout), loads("b.json"))
    ]
    assert hashes[0] == hashes[1]


@pytest.mark.usefixtures("fake_costs")
def test_the_users_networks_are_tried_first_and_belong_to_the_study() -> None:
    start = ("--start", "conv-2x4/valid/2 dense", "--start", "dense-9 dense", "--start", "conv-2x4/2 dense")
    for trials in ("1", "3"):
        assert search(*DIGITS, *start, "--trials", trials).exit_code == 0
    with Study.load(Path("a.study")) as study:
        assert study.settings.start == ("conv-2x4/valid/2 dense", "dense-9 dense")
        texts = [describe(trial.configuration) for trial in study.trials()]
    assert texts[:2] == ["conv-2x4/valid/2 dense", "dense-9 dense"]
    assert len(set(texts)) == 3
    refused = search(*DIGITS, "--trials", "3")
    assert refused.exit_code == 2
    assert "start () instead of" in refused.stderr.replace("[]", "()")


@pytest.mark.usefixtures("fake_costs")
def test_limits_that_nothing_keeps_exit_with_1() -> None:
    result = search(*DIGITS, "--trials", "1", "--max-ram", "10")
    assert result.exit_code == 1
    assert "No candidate fits" in result.output


@pytest.mark.usefixtures("fake_costs")
@pytest.mark.parametrize(
    ("names", "headings"),
    [
        (("error",), ["error %"]),
        (("model_size", "working_memory_2"), ["model size B", "WM 2 B"]),
        (tuple(KINDS), ["error %", "float error %", "WM 1 B"]),
    ],
)
def test_any_objectives_make_a_study(
    names: tuple[str, ...], headings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 200)  # so that no heading is broken
    chosen = [word for name in names for word in ("--objective", name)]
    result = search(*DIGITS, *chosen, "--trials", "2", "--json", "a.json")
    assert result.exit_code == 0, result.output
    record = loads("a.json")
    assert record["settings"]["objectives"] == [name for name in KINDS if name in names]
    assert record["hypervolume"] > 0
    said = " ".join(result.output.split())
    assert f"decades^{len(names)}" in said
    assert all(word in said for heading in headings for word in heading.split()) or len(names) == len(KINDS)
    assert "test %" not in said  # only `judge` finds that
    front = [[m["objectives"][name]["value"] for name in KINDS if name in names] for m in record["pareto"]]
    assert front == sorted(front)
    assert len(names) > 1 or len({tuple(values) for values in front}) == 1


@pytest.mark.usefixtures("fake_costs")
def test_any_objective_may_have_a_limit() -> None:
    limits = ("--max", "error=0.999", "--max", "model_size=700", "--max-ram", "2000")
    start = ("--start", "dense-8 dense", "--start", "dense-16 dense")
    assert search(*DIGITS, *limits, *start, "--trials", "2", "--json", "a.json").exit_code == 0
    record = loads("a.json")
    assert record["settings"]["bounds"] == {"error": 0.999, "model_size": 700, "ram_bytes": 2000}
    assert [member["trial"] for member in record["pareto"]] == [0]
    assert record["trials"]["beyond_limits"] == 1
    assert search(*DIGITS, "--max", "error=0.0001", "--trials", "1", "--study", "b.study").exit_code == 1


@pytest.mark.usefixtures("fake_costs")
def test_other_settings_are_refused() -> None:
    assert search(*DIGITS, "--trials", "1").exit_code == 0
    result = search(*DIGITS, "--trials", "2", "--seed", "7")
    assert result.exit_code == 2
    assert "seed 7 instead of 0" in result.stderr
    result = search(*DIGITS, "--trials", "2", "--objective", "error")
    assert result.exit_code == 2
    assert "objectives ['error'] instead of ['error', 'ram_bytes', 'flash_bytes', 'latency_ms']" in result.stderr
    result = search(*DIGITS, "--trials", "2", "--epochs", "3")
    assert result.exit_code == 2
    assert "recipe" in result.stderr
    assert search(*DIGITS, "--trials", "2").exit_code == 0


@pytest.mark.usefixtures("fake_costs")
def test_images_of_the_users_own_and_their_split_are_the_studys() -> None:
    write_classes(Path("photos"), ("ape", "bee"), images=20, shape=(12, 10, 3))
    own = ("--data", "photos", "--board", "microbit", "--image-size", "8x8")
    assert search(*own, "--trials", "1", "--json", "a.json").exit_code == 0
    record = loads("a.json")
    assert record["settings"]["dataset"] == "folder"
    assert [member["check"]["images"] for member in record["pareto"]] == [8] * len(record["pareto"])
    for other in (("--split-seed", "1"), ("--colour", "grey")):
        refused = search(*own, "--trials", "1", *other)
        assert refused.exit_code == 2
        assert "dataset_fingerprint" in refused.stderr
    Path("photos").rename("moved")
    assert search("--data", "moved", *own[2:], "--trials", "1").exit_code == 0


@pytest.mark.usefixtures("fake_costs")
def test_other_libraries_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    first = search(*DIGITS, "--trials", "1")
    assert "Warning" not in first.stderr
    monkeypatch.setattr(session, "library_versions", lambda: {**library_versions(), "torch": "0.0"})
    second = search(*DIGITS, "--trials", "2")
    assert second.exit_code == 0
    said, installed = " ".join(second.stderr.split()), version("torch")
    assert "Warning: a.study continues with other library versions than it began with" in said
    assert f"torch '0.0' instead of '{installed}'" in said


@pytest.mark.usefixtures("fake_costs")
def test_a_search_never_asks_for_test_images(monkeypatch: pytest.MonkeyPatch) -> None:
    load = DataRequest.load

    def untouchable() -> Split:
        raise AssertionError("the test images were asked for")

    monkeypatch.setattr(DataRequest, "load", lambda request: replace(load(request), load_test=untouchable))
    result = search(*DIGITS, "--trials", "2", "--json", "a.json")
    assert result.exit_code == 0
    assert "on 359 validation images, which also chose the front." in " ".join(result.output.split())
    assert "test" not in result.stdout
    for member in loads("a.json")["pareto"]:
        assert member["test"] is None
        error = member["objectives"]["error"]["value"]
        assert member["error_standard_error"] == pytest.approx((error * (1 - error) / 359) ** 0.5)


@pytest.mark.usefixtures("fake_costs")
def test_what_kernels_are_chosen_by_is_the_studys() -> None:
    assert search(*DIGITS, "--trials", "1", "--optimise", "flash", "--json", "a.json").exit_code == 0
    assert loads("a.json")["settings"]["build"]["optimise"] == "flash"
    refused = search(*DIGITS, "--trials", "2", "--optimise", "speed")
    assert refused.exit_code == 2
    assert "build.optimise 'speed' instead of 'flash'" in refused.stderr
    refused = search(*DIGITS, "--trials", "2", "--optimise", "flash", "--max-recompute", "1.5")
    assert refused.exit_code == 2
    assert "build.levers.streaming True instead of False; build.levers.max_recompute 1.5 instead of 1.0" in (
        refused.stderr
    )
    assert search(*DIGITS, "--trials", "2", "--optimise", "flash").exit_code == 0


def test_candidates_are_built_as_the_study_says(
    monkeypatch: pytest.MonkeyPatch, make_simulation: MakeSimulation
) -> None:
    built_by: list[object] = []

    def simulated(
        path: Path, target: Target, options: BuildOptions, *, directory: Path, **_: object
    ) -> SimulationReport:
        built_by.append((target.board.name, options))
        return make_simulation(path, directory)

    monkeypatch.setattr(costs, "simulate_model", simulated)
    assert search(*DIGITS, "--trials", "1", "--optimise", "speed", "--stream", "--without", "overlap").exit_code == 0
    assert built_by == [("microbit", BuildOptions("speed", Levers(streaming=True, overlap=False)))]


@pytest.mark.parametrize("trials", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_study_is_the_same_with_any_number_of_jobs(trials: int) -> None:
    records = []
    for jobs in ("1", "2"):
        study, record = f"{jobs}.study", f"{jobs}.json"
        done = search(*DIGITS, "--trials", str(trials), "--study", study, "--jobs", jobs, "--json", record)
        assert done.exit_code == 0, done.output
        assert sorted(map(int, re.findall(r"^ +(\d+) ", done.stderr, re.MULTILINE))) == list(range(trials))
        with Study.load(Path(study)) as kept:
            results = [trial.result for trial in kept.trials() if isinstance(trial.result, Success)]
            assert {path.suffix for path in kept.artifacts.iterdir() if path.is_dir()} == {""}
        records.append([result.model_copy(update={"seconds": {}}) for result in results])
    assert len(records[0]) == trials
    assert records[0] == records[1]
    assert [m["model"] for m in loads("1.json")["pareto"]] == [m["model"] for m in loads("2.json")["pareto"]]


def test_ctrl_c_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, make_simulation: MakeSimulation) -> None:
    calls = 0

    def costs(path: Path, directory: Path, levers: LeverChoice) -> SimulationReport:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return make_simulation(path, directory, levers)

    monkeypatch.setattr(local, "emulated_cost", lambda *_: costs)
    result = search(*DIGITS, "--trials", "3")
    assert result.exit_code == 130
    assert "Stopped. Trials in a.study: 1. The same command continues from there." in " ".join(result.stderr.split())
    result = search(*DIGITS, "--trials", "3", "--json", "-")
    counts = {"complete": 3, "stopped": 0, "failed": 0, "running": 0, "beyond_limits": 0}
    assert json.loads(result.stdout)["trials"] == counts


@pytest.mark.usefixtures("fake_costs")
def test_a_space_restricts_the_search_and_the_study_records_it() -> None:
    Path("own.toml").write_text("max_blocks = 1\noperators = ['conv']\nkernels = [5]\n", encoding="utf-8")
    result = search(*DIGITS, "--space", "own.toml", "--trials", "3", "--json", "-")
    assert json.loads(result.stdout)["trials"]["complete"] == 3
    with Study.load(Path("a.study")) as study:
        assert study.settings.space == load_space("own.toml")
        blocks = [block for trial in study.trials() for block in trial.configuration.blocks]
    assert {(block.operator, block.kernel) for block in blocks} == {("conv", 5)}
    refused = search(*DIGITS, "--trials", "4")
    assert refused.exit_code == 2
    assert "space.max_blocks" in refused.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dataset", "digit", "--board", "microbit"), "Did you mean 'digits'"),
        (("--dataset", "digits", "--board", "microbits"), "microbit"),
        ((*DIGITS, "--engine", "unicorns"), "unicorn"),
        ((*DIGITS, "--toolchain", "zigg"), "zig"),
        (("--dataset", "mnist", "--board", "microbit"), "--data-dir"),
        (("--dataset", "cifar10", "--board", "microbit", "--data-dir", "missing"), "no such folder"),
        ((*DIGITS, "--trials", "0"), "--trials"),
        ((*DIGITS, "--start", "conv-3x4"), "ends with 'conv-3x4', not with 'dense'"),
        ((*DIGITS, "--start", "conv-8x4 dense"), "'conv-8x4 dense' is not in the search space: kernel 8 of block 1"),
        ((*DIGITS, "--objective", "model_sise"), "Did you mean 'model_size'"),
        ((*DIGITS, "--max", "ram=3"), "'ram' is no objective: name one of error, float_error, model_size"),
        ((*DIGITS, "--max", "ram_bytes"), "'ram_bytes' is not NAME=VALUE"),
        ((*DIGITS, "--max", "ram_bytes=0"), "--max takes numbers above 0"),
        ((*DIGITS, "--max", "error=1", "--max", "error=0.5"), "error has two limits"),
        ((*DIGITS, "--max", "ram_bytes=9", "--max-ram", "9"), "ram_bytes has two limits"),
        ((*DIGITS, "--space", "spars"), "no space is called 'spars'"),
        ((*DIGITS, "--image-size", "9x9"), "--image-size does not go with digits"),
        (("--data", "missing", "--board", "microbit"), "missing: no such folder"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(options: tuple[str, ...], message: str) -> None:
    result = search(*options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert list(Path().iterdir()) == []


def test_help_needs_no_torch() -> None:
    script = (
        "import sys, sparse_mcu.search.cli.commands; sys.exit('torch' in sys.modules or 'onnxruntime' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
