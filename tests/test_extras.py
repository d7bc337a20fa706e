"""Without the extras: five commands work whole, and what is missing is said in one line."""

import os
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.costmodel.errors import MissingExtraError
from sparse_mcu.costmodel.extras import needs

OPTIONAL = ("torch", "botorch", "gpytorch", "linear_operator", "sklearn", "mlxtend", "matplotlib", "onnxruntime", "PIL")
BLOCKER = f"""\
import sys


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {set(OPTIONAL)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Blocker())
"""


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in an interpreter, and with workers, that have none of the optional packages."""
    return execute(folder, "from sparse_mcu.costmodel.cli import main; main(prog_name='sparse-mcu')", *arguments)


def execute(folder: Path, script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a script in such an interpreter."""
    blocked = folder / "blocked"
    blocked.mkdir(exist_ok=True)
    (blocked / "sitecustomize.py").write_text(BLOCKER)
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": str(blocked)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two models and a planning problem."""
    for network in ("plain", "branched"):
        write_network(network, tmp_path)
    (tmp_path / "buffers.csv").write_text("id,lower,upper,size\na,0,3,4\nb,1,2,8\n")
    return tmp_path


def test_the_packages_are_really_blocked(folder: Path) -> None:
    script = (
        "import importlib, sys\n"
        "for module in sys.argv[1:]:\n"
        "    try:\n"
        "        importlib.import_module(module)\n"
        "    except ModuleNotFoundError as error:\n"
        "        print(error)\n"
    )
    blocked = execute(folder, script, *OPTIONAL)
    assert blocked.stdout.splitlines() == [f"No module named '{module}'" for module in OPTIONAL], blocked.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        "boards",
        "plan buffers.csv",
        "analyze plain.onnx --board microbit --toolchain zig --explain --problem graph.json",
        "simulate plain.onnx --board microbit --toolchain zig",
        "simulate plain.onnx branched.onnx --jobs 2 --board microbit --toolchain zig",
        "export plain.onnx --board microbit --toolchain zig --output out",
        "search --help",
        "baselines --help",
        "judge --help",
    ],
)
def test_commands_work_without_the_extras(folder: Path, arguments: str) -> None:
    done = run(folder, *arguments.split())
    assert done.returncode == 0, done.stderr


def test_the_help_lists_all_commands(folder: Path) -> None:
    listed = run(folder, "--help").stdout
    for command in ("boards", "plan", "analyze", "simulate", "export", "search"):
        assert f"  {command} " in listed


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        ("search --dataset digits --board microbit --study a.study", "search"),
        ("analyze plain.onnx --board microbit --plot arena.svg", "plot"),
    ],
)
def test_what_is_missing_is_said_in_one_line(folder: Path, arguments: str, extra: str) -> None:
    before = {*folder.iterdir(), folder / "blocked"}
    done = run(folder, *arguments.split())
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert line.endswith(f'Install it with: pip install "sparse-mcu[{extra}]"')
    assert {*folder.iterdir()} == before


def test_only_foreign_packages_are_an_extra() -> None:
    with (
        pytest.raises(MissingExtraError, match="search: needs torch, which is not installed"),
        needs("search", "search"),
    ):
        raise ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")
    with pytest.raises(ModuleNotFoundError, match="sparse_mcu"), needs("search", "search"):
        raise ModuleNotFoundError("No module named 'sparse_mcu.nothing'", name="sparse_mcu.nothing")


def test_the_extras_are_declared() -> None:
    declared = requires("sparse-mcu") or []
    mandatory = {each.split(">")[0] for each in declared if "extra" not in each}
    assert not mandatory & {"torch", "botorch", "scikit-learn", "mlxtend", "matplotlib", "onnxruntime", "pillow"}
    for extra in ("search", "plot", "all"):
        assert any(f'extra == "{extra}"' in each for each in declared), extra
