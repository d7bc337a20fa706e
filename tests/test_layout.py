"""One import root: modules of the user's own, called as our folders are, and ours do not meet."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sparse_mcu.benchmarks.networks import write_network

FOLDERS = ("costmodel", "simulation", "search", "benchmarks")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with two models, and with modules and packages of those names."""
    for network in ("plain", "branched"):
        write_network(network, tmp_path)
    for name in ("costmodel", "search"):
        (tmp_path / f"{name}.py").write_text(f"OWNER = 'user'\nprint('{name} of the user')\n")
    for name in ("simulation", "benchmarks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"OWNER = 'user'\nprint('{name} of the user')\n")
    return tmp_path


def run(folder: Path, *command: str, **environment: str) -> str:
    """Standard output of a command in the folder."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_import(folder: Path) -> None:
    """In one process for all names, since loading everything of ours takes seconds."""
    script = "import sparse_mcu.search.cli.session, sparse_mcu.benchmarks.networks, sparse_mcu.simulation.api\n"
    for name in FOLDERS:
        script += (
            f"import {name}, sparse_mcu, sparse_mcu.{name} as ours\n"
            f"assert {name}.OWNER == 'user' and not hasattr(ours, 'OWNER')\n"
            f"assert {name}.__file__ != ours.__file__\n"
        )
    assert run(folder, sys.executable, "-c", script) == "".join(f"{name} of the user\n" for name in FOLDERS)


@pytest.mark.parametrize("beside", ["", "."])
def test_the_command_and_its_workers_load_nothing_of_the_users(folder: Path, beside: str) -> None:
    program = str(Path(sys.executable).with_name("sparse-mcu"))
    options = ("--board", "microbit", "--toolchain", "zig", "--json", "out.json")
    environment = {"PYTHONPATH": str(folder)} if beside else {}
    printed = run(folder, program, "simulate", "plain.onnx", "branched.onnx", "--jobs", "2", *options, **environment)
    assert "of the user" not in printed
    assert '"error": null' in (folder / "out.json").read_text()
    assert "of the user" not in run(folder, sys.executable, "-m", "sparse_mcu.benchmarks.planners", "--help")
