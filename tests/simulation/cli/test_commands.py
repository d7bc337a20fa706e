"""`analyze` and `simulate` as users run them: JSON, exit codes, one line for each thing that can be wrong."""

import json
import os
import shlex
import shutil
import subprocess
import time
from importlib.resources import files
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.costmodel.cli import main
from sparse_mcu.simulation.toolchain import arm_gcc


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_network("branched", tmp_path)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def lookup(record: dict[str, object], path: str) -> object:
    value: object = record
    for key in path.split("."):
        assert isinstance(value, dict)
        value = value[key]
    return value


def test_analyze_has_the_keys_of_the_design(model: Path) -> None:
    result = run("analyze", model, "--board", "microbit", "--toolchain", "zig", "--json", "-")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    for key in (
        "ram.total_bytes", "ram.arena_bytes", "ram.stack_bytes", "ram.static_bytes", "flash.total_bytes",
        "flash.weights_bytes", "flash.code_bytes", "memory.lower_bound_bytes",
    ):  # fmt: skip
        assert isinstance(lookup(record, key), int), key
    assert record["memory"]["proven"] is True
    assert record["fits"] is True
    assert record["memory"]["schedule"]
    assert record["memory"]["placement"]


def test_simulate_has_the_keys_of_the_design(model: Path, tmp_path: Path) -> None:
    values = tmp_path / "x.npy"
    np.save(values, np.zeros((1, 3, 16, 16), np.float32))
    kept = tmp_path / "firmware"
    options = ("--toolchain", "zig", "--input", values, "--firmware", kept)
    result = run("simulate", model, "--board", "bluepill", *options, "--json", "-")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    for key in ("cycles.total", "instructions", "ram.total_bytes", "ram.measured_bytes", "flash.total_bytes"):
        assert isinstance(lookup(record, key), int), key
    assert record["latency_ms"] > 0
    assert record["energy_uj"] > 0
    assert record["outputs_match_reference"] is True
    assert (record["engine"]["name"], record["toolchain"]["name"]) == ("unicorn", "zig")
    assert [len(values) for values in record["outputs"].values()] == [5]
    assert len(record["cycles"]["layers"]) == len(record["memory"]["schedule"])
    assert {"model.c", "model.h", "firmware.elf", "firmware.resc"} <= {file.name for file in kept.iterdir()}


def test_tables_are_for_people(model: Path) -> None:
    analyzed = run("analyze", model, "--board", "microbit", "--no-build")
    assert analyzed.exit_code == 0
    assert "proven smallest" in analyzed.output
    assert "not built" in analyzed.output
    simulated = run("simulate", model, "--board", "microbit")
    assert simulated.exit_code == 0
    assert "outputs equal the integer reference" in simulated.output


def test_the_arena_is_drawn_on_demand(model: Path, tmp_path: Path) -> None:
    picture = tmp_path / "arena.svg"
    assert run("analyze", model, "--board", "microbit", "--no-build", "--plot", picture).exit_code == 0
    assert "<svg" in picture.read_text()
    refused = run("analyze", model, "--board", "microbit", "--no-build", "--plot", tmp_path / "arena.gif")
    assert refused.exit_code == 2
    assert ".svg, .png" in refused.stderr


COMMANDS = ("analyze", "simulate", "export", "plan", "boards", "search")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_the_help_run(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder with a model and buffers; those of `search` are only parsed."""
    write_network("plain", tmp_path).rename(tmp_path / "model.onnx")
    (tmp_path / "buffers.csv").write_text("id,lower,upper,size\na,0,3,4\nb,1,2,8\n")
    monkeypatch.chdir(tmp_path)
    lines = run(command, "--help").output.split("Examples:")[1].strip().splitlines()
    assert len(lines) >= 2
    for line in lines:
        program, *arguments = (word.replace("*", "model") for word in shlex.split(line))
        assert program == "sparse-mcu"
        if arguments[0] == "search":
            search = main.get_command(click.Context(main), "search")
            assert search is not None
            search.make_context("search", arguments[1:])
        else:
            assert run(*arguments).exit_code == 0, line


def test_what_was_planned_is_written_for_the_planner(model: Path, tmp_path: Path) -> None:
    problem = tmp_path / "problem.json"
    options = ("--board", "microbit", "--no-build", "--problem", problem, "--json", "-")
    analyzed = json.loads(run("analyze", model, *options).stdout)
    planned = json.loads(run("plan", problem, "--json", "-").stdout)
    assert (planned["height_bytes"], planned["proven"]) == (analyzed["ram"]["arena_bytes"], True)


@pytest.fixture
def tiny_board(tmp_path: Path) -> Path:
    """The micro:bit with 1 KiB of RAM, as a user's own board file."""
    text = (files("sparse_mcu.costmodel.devices") / "boards" / "microbit.toml").read_text()
    head, _, tail = text.partition("[ram.size_bytes]")
    lines = tail.splitlines()
    position = next(index for index, line in enumerate(lines) if line.startswith("value"))
    lines[position] = "value = 1024"
    board = tmp_path / "tiny.toml"
    board.write_text(head + "[ram.size_bytes]" + "\n".join(lines) + "\n")
    return board


def test_not_fitting_is_a_result_with_exit_code_1(model: Path, tiny_board: Path) -> None:
    result = run("analyze", model, "--board", tiny_board, "--json", "-")
    assert result.exit_code == 1, result.output
    record = json.loads(result.stdout)
    assert record["fits"] is False
    (missing,) = record["shortfalls"]
    assert missing["excess_bytes"] == record["ram"]["total_bytes"] - 1024
    assert missing["items"]
    assert "does not fit" in run("analyze", model, "--board", tiny_board).output


@pytest.mark.parametrize("command", ["analyze", "simulate"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing.onnx", "--board", "microbit"), "missing.onnx"),
        (("MODEL", "--board", "nucleo-l4r5zl"), "nucleo-l4r5zi"),
        (("MODEL", "--board", "microbit", "--toolchain", "zog"), "zig"),
        (("MODEL",), "--board"),
        (("GARBAGE", "--board", "microbit"), "GARBAGE"),
        (("TRUNCATED", "--board", "microbit"), "TRUNCATED"),
        (("FOLDER", "--board", "microbit"), "FOLDER"),
    ],
)
def test_user_errors_are_one_line_and_exit_code_2(
    model: Path, tmp_path: Path, command: str, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "GARBAGE").write_bytes(b"\x00\xff" * 99)
    (tmp_path / "TRUNCATED").write_bytes(model.read_bytes()[:-500])
    (tmp_path / "FOLDER").mkdir()
    places = {name: tmp_path / name for name in ("GARBAGE", "TRUNCATED", "FOLDER")} | {"MODEL": model}
    output = tmp_path / "out.json"
    result = run(command, *(places.get(each, each) for each in arguments), "--json", output)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    if "Usage" not in result.stderr:
        assert len(result.stderr.strip().splitlines()) == 1
    assert not output.exists()


def test_a_missing_compiler_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    result = run("analyze", model, "--board", "microbit", "--toolchain", arm_gcc.NAME)
    assert result.exit_code == 2
    assert arm_gcc.NAME in result.stderr
    assert "install" in result.stderr.lower()


def test_a_budget_that_is_too_small_is_a_typed_verdict(model: Path) -> None:
    result = run("simulate", model, "--board", "microbit", "--budget", 1000)
    assert result.exit_code == 2
    assert "budget exceeded" in result.stderr


def test_an_unknown_engine_gets_a_suggestion(model: Path) -> None:
    result = run("simulate", model, "--board", "microbit", "--engine", "unicron")
    assert result.exit_code == 2
    assert "unicorn" in result.stderr


def test_the_installed_command_runs() -> None:
    command = shutil.which("sparse-mcu")
    assert command is not None
    finished = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert finished.stdout.startswith("sparse-mcu")


def test_what_kernels_are_chosen_for_is_an_option(model: Path) -> None:
    options = ("--board", "nucleo-l4r5zi", "--toolchain", "zig", "--json", "-")
    records = {
        goal: json.loads(run("simulate", model, *options, "--optimise", goal).stdout) for goal in ("speed", "flash")
    }
    assert records["speed"]["cycles"]["total"] < records["flash"]["cycles"]["total"]
    assert records["speed"]["flash"]["total_bytes"] > records["flash"]["flash"]["total_bytes"]
    wrong = run("simulate", model, *options, "--optimise", "beauty")
    assert wrong.exit_code == 2


def test_a_request_to_terminate_leaves_nothing_behind(tmp_path: Path) -> None:
    model, scratch = write_network("branched", tmp_path), tmp_path / "scratch"
    scratch.mkdir()
    command = ["sparse-mcu", "simulate", str(model), "--board", "microbit", "--no-cache", "--toolchain", "zig"]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while process.poll() is None and not any(scratch.glob("*/*")):
        time.sleep(0.01)
    process.terminate()
    process.communicate(timeout=60)
    assert (process.returncode, [*scratch.iterdir()]) == (130, [])
