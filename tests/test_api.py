"""The public API: what the commands answer, from anywhere in a program, and nothing besides."""

import json
import multiprocessing
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

import sparse_mcu
from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.costmodel.cli import main
from sparse_mcu.simulation.toolchain import zig

BOARD = "microbit"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file that is named as its graph is, so that reports of it and of its message name the same model."""
    path = write_network("branched", tmp_path)
    return path.rename(tmp_path / f"{onnx.load(path).graph.name}.onnx")


@pytest.fixture(autouse=True)
def untouched(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing is printed, and signal handlers, environment and folder stay as they are."""

    def state() -> tuple[object, ...]:
        handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        # pytest keeps the name of the running phase in a variable
        environment = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
        return handlers, environment, Path.cwd()

    before = state()
    yield
    assert state() == before
    assert capfd.readouterr() == ("", "")


def command(*arguments: object) -> dict[str, Any]:
    """The JSON of a command."""
    result = CliRunner().invoke(main, [*map(str, arguments), "--json", "-"])
    assert result.exit_code == 0, result.output
    record: dict[str, Any] = json.loads(result.stdout)
    return record


def comparable(report: sparse_mcu.SimulationReport) -> dict[str, Any]:
    """All but the one figure that is of this machine."""
    return report.model_dump(mode="json") | {"simulated_mips": 0}


def test_boards_are_those_of_the_command() -> None:
    assert sparse_mcu.boards().model_dump(mode="json") == command("boards")
    assert sparse_mcu.load_board(BOARD).name == BOARD


@pytest.mark.parametrize("build", [True, False])
def test_analyze_answers_as_the_command_does(model: Path, build: bool) -> None:
    options = sparse_mcu.BuildOptions("flash", sparse_mcu.Levers(overlap=False))
    report = sparse_mcu.analyze(model, BOARD, options=options, toolchain="zig", build=build, explain=True)
    flags = ("--optimise", "flash", "--without", "overlap", "--toolchain", "zig", "--explain")
    expected = command("analyze", model, "--board", BOARD, *flags, *(() if build else ("--no-build",)))
    assert report.model_dump(mode="json") == expected
    assert report.memory.savings


def test_analyze_draws_and_writes_what_was_planned(model: Path, tmp_path: Path) -> None:
    files = {"plot": tmp_path / "arena.svg", "problem": str(tmp_path / "problem.json")}
    report = sparse_mcu.analyze(onnx.load(model), BOARD, build=False, **files)
    assert "<svg" in (tmp_path / "arena.svg").read_text()
    assert command("plan", files["problem"])["height_bytes"] == report.ram.arena_bytes


def test_simulate_answers_as_the_command_does(model: Path, tmp_path: Path) -> None:
    report = sparse_mcu.simulate(model, BOARD, toolchain="zig", firmware=tmp_path / "kept")
    expected = command("simulate", model, "--board", BOARD, "--toolchain", "zig")
    assert comparable(report) == expected | {"simulated_mips": 0}
    assert {"model.c", "firmware.elf", "firmware.resc"} <= {path.name for path in (tmp_path / "kept").iterdir()}


def test_export_answers_as_the_command_does(model: Path, tmp_path: Path) -> None:
    options = sparse_mcu.BuildOptions(prefix="net")
    report = sparse_mcu.export(model, BOARD, tmp_path / "ours", options=options, toolchain="zig")
    output = ("--output", tmp_path / "theirs", "--name", "net")
    assert report.model_dump(mode="json") == command("export", model, "--board", BOARD, "--toolchain", "zig", *output)
    ours, theirs = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("ours", "theirs")
    )
    assert ours == theirs


def test_a_message_gives_the_report_of_its_file(model: Path) -> None:
    message, board = onnx.load(model), sparse_mcu.load_board(BOARD)
    before = message.SerializeToString()
    assert sparse_mcu.analyze(message, board, explain=True) == sparse_mcu.analyze(str(model), BOARD, explain=True)
    assert comparable(sparse_mcu.simulate(message, board)) == comparable(sparse_mcu.simulate(model, board))
    assert message.SerializeToString() == before


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_an_exported_message_builds(model: Path, tmp_path: Path) -> None:
    report = sparse_mcu.export(onnx.load(model), BOARD, tmp_path / "out", toolchain="zig")
    runtime = zig.Zig.find()._runtime(sparse_mcu.load_board(BOARD).core)  # make need not build its own, for seconds
    make = ["make", "-C", str(tmp_path / "out"), f"ZIG={shlex.quote(sys.executable)} -m ziglang", f"RUNTIME={runtime}"]
    made = subprocess.run(make, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    assert report.fits


def test_inputs_are_arrays_or_files_of_them(model: Path, tmp_path: Path) -> None:
    values = np.full((3, 16, 16), 0.25, np.float32)
    np.save(tmp_path / "x.npy", values)
    (name,) = (each.name for each in onnx.load(model).graph.input)
    given = (values, values[np.newaxis], {name: values}, tmp_path / "x.npy", str(tmp_path / "x.npy"))
    outputs = [sparse_mcu.simulate(model, BOARD, inputs=each).outputs for each in given]
    assert outputs == [outputs[0]] * len(given)
    assert outputs[0] != sparse_mcu.simulate(model, BOARD).outputs
    with pytest.raises(sparse_mcu.SparseMcuError, match="got 'z', but the model has"):
        sparse_mcu.simulate(model, BOARD, inputs={"z": values})
    with pytest.raises(sparse_mcu.SparseMcuError, match=r"shape \(1, 3\)"):
        sparse_mcu.simulate(model, BOARD, inputs=values[:1, :3, 0])


def test_a_board_is_a_name_a_file_or_itself(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    shutil.copy(Path(sparse_mcu.costmodel.devices.__file__).parent / "boards" / f"{BOARD}.toml", file)
    given = (BOARD, str(file), file, sparse_mcu.load_board(BOARD))
    reports = [sparse_mcu.analyze(model, each, build=False) for each in given]
    assert reports == [reports[0]] * len(given)
    with pytest.raises(sparse_mcu.UnknownBoardError, match="Did you mean microbit"):
        sparse_mcu.analyze(model, "microbits")


def test_a_message_with_its_data_elsewhere_is_refused(model: Path, tmp_path: Path) -> None:
    message = onnx.load(model)
    onnx.save(message, tmp_path / "split.onnx", save_as_external_data=True, location="data.bin", size_threshold=0)
    alone = onnx.load(tmp_path / "split.onnx", load_external_data=False)
    with pytest.raises(sparse_mcu.ModelError, match="its data lie in another file"):
        sparse_mcu.analyze(alone, BOARD)


def test_a_message_passes_the_gate_as_a_file_does(model: Path) -> None:
    dynamic = onnx.load(model)
    dynamic.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    large = onnx.load(model)
    large.graph.initializer[0].raw_data = bytes(65 * 2**20)
    named = onnx.load(model)
    named.graph.name = "../../etc/\npasswd"
    for message, reason in (
        (dynamic, "dynamic"),
        (large, "more than the limit"),
        (onnx.ModelProto(), "not an ONNX model"),
    ):
        with pytest.raises(sparse_mcu.ModelError, match=reason):
            sparse_mcu.analyze(message, BOARD)
    assert sparse_mcu.analyze(named, BOARD, build=False).model.name == "model"


def test_threads_simulate_at_once(model: Path) -> None:
    expected = comparable(sparse_mcu.simulate(model, BOARD, toolchain="zig"))
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(sparse_mcu.simulate, model, BOARD, toolchain="zig", is_cached=False) for _ in range(4)]
        assert [comparable(each.result()) for each in waiting] == [expected] * 4


def test_processes_of_a_pool_simulate(model: Path) -> None:
    expected = comparable(sparse_mcu.simulate(model, BOARD, toolchain="zig"))
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(sparse_mcu.simulate, each, BOARD, toolchain="zig") for each in (model, onnx.load(model))]
        assert [comparable(each.result()) for each in waiting] == [expected] * 2


def test_the_command_runs_in_a_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(command, "boards").result()["boards"]


def test_a_run_without_cache_is_a_run_anew(model: Path) -> None:
    cached = [sparse_mcu.simulate(model, BOARD) for _ in range(2)]
    assert cached[0] == cached[1], "a run from the cache has the speed that it had"
    anew = sparse_mcu.simulate(model, BOARD, is_cached=False)
    assert anew.simulated_mips != cached[0].simulated_mips
    assert comparable(anew) == comparable(cached[0])


def test_importing_loads_nothing_slow() -> None:
    script = (
        "import sys, sparse_mcu; slow = {'numpy', 'onnx', 'pydantic', 'click', 'rich', 'torch', 'jinja2'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
        "assert set(sparse_mcu.__all__) <= set(dir(sparse_mcu))\n"
        "assert all(getattr(sparse_mcu, name) for name in sparse_mcu.__all__)\n"
        "assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        sparse_mcu.analyse  # noqa: B018  # type: ignore[attr-defined]
