"""Networks that are exported under names of their own live in one program."""

import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from firmware_builds import call, host_compiler
from small_firmware import run

from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.costmodel.cli import main
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.simulation.analysis.lowering import lower_model
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.exporting.export import export_model
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.reference import run_reference
from sparse_mcu.simulation.toolchain import find_toolchain
from sparse_mcu.simulation.toolchain.build import build_firmware
from sparse_mcu.simulation.toolchain.protocol import Toolchain

NETWORKS = {"first": "plain", "Second_2": "branched"}
BOARD = "nucleo-l4r5zi"
MAIN = """
#include "Second_2.h"
#include "first.h"
int8_t results[FIRST_OUTPUT_0_SIZE + SECOND_2_OUTPUT_0_SIZE];
int main(void);
void finish(void);
static void copy(int8_t *to, const int8_t *from, int size) { for (int i = 0; i < size; ++i) { to[i] = from[i]; } }
static void fill(int8_t *to, int size) { for (int i = 0; i < size; ++i) { to[i] = (int8_t)(i * 7 % 256 - 128); } }
int main(void)
{
    first_init();
    Second_2_init();
    fill(first_input_0(), FIRST_INPUT_0_SIZE);
    fill(Second_2_input_0(), SECOND_2_INPUT_0_SIZE);
    first_run();
    Second_2_run();
    copy(results, first_output_0(), FIRST_OUTPUT_0_SIZE);
    copy(&results[FIRST_OUTPUT_0_SIZE], Second_2_output_0(), SECOND_2_OUTPUT_0_SIZE);
    finish();
    return 0;
}
"""


@pytest.fixture
def application(tmp_path: Path, toolchain: Toolchain) -> dict[str, str]:
    """Name -> text of the files of two exports, the later of two of one name, and a program that calls both."""
    files: dict[str, str] = {}
    for prefix, network in NETWORKS.items():
        model, folder = write_network(network, tmp_path), tmp_path / prefix
        export_model(model, load_board(BOARD), BuildOptions(prefix=prefix), toolchain=toolchain, directory=folder)
        for shared in ("arithmetic.h", "blocks.h"):
            assert files.get(shared) in (None, (folder / shared).read_text())
        files |= {path.name: path.read_text() for path in folder.iterdir() if path.suffix in {".c", ".h", ".ld"}}
    files.pop("host.c")
    return files | {"main.c": MAIN}


def expected(folder: Path) -> list[int]:
    """The outputs of both, one after the other, for what `fill` writes."""
    values: list[int] = []
    for network in NETWORKS.values():
        graph = load_graph(folder / f"{network}.onnx")
        shape = graph.tensor(graph.inputs[0]).shape
        codes = (np.arange(np.prod(shape)) * 7 % 256 - 128).astype(np.int8).reshape(shape)
        values += run_reference(graph, {graph.inputs[0]: codes})[graph.outputs[0]].ravel().tolist()
    return values


def test_two_networks_run_in_one_program_on_this_machine(application: dict[str, str], tmp_path: Path) -> None:
    ends = "#include <stdio.h>\nvoid finish(void) { fwrite(results, 1, sizeof results, stdout); }\n"
    folder = tmp_path / "application"
    folder.mkdir()
    for name, text in (application | {"main.c": MAIN + ends}).items():
        (folder / name).write_text(text)
    sources = [str(folder / f"{name}.c") for name in ("main", *NETWORKS)]
    call([*host_compiler(), "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", *sources, "-o", str(folder / "program")])
    assert np.frombuffer(call([str(folder / "program")]), np.int8).tolist() == expected(tmp_path)


def test_two_networks_run_in_one_firmware(application: dict[str, str], tmp_path: Path, toolchain: Toolchain) -> None:
    ends = "void firmware_done(void);\nvoid finish(void) { firmware_done(); }\n"
    board = load_board(BOARD)
    image = build_firmware(application | {"main.c": MAIN + ends}, board, tmp_path / "built", toolchain)
    results = image.symbols["results"]
    arenas = sum(int(re.findall(r"_ARENA_BYTES (\d+)", application[f"{prefix}.h"])[0]) for prefix in NETWORKS)
    assert image.sections[".arena"].size_bytes >= arenas
    done = run(
        find_engine("unicorn"),
        image,
        board,
        phases=("first_run", "Second_2_run"),
        budget=100_000_000,
        reads={"results": (results.address, results.size_bytes)},
    )
    assert done.verdict.value == "finished", done.detail
    assert np.frombuffer(done.memory["results"], np.int8).tolist() == expected(tmp_path)


def test_nothing_public_is_left_of_the_default_name(application: dict[str, str]) -> None:
    for name, text in application.items():
        assert not name.startswith("model")
        assert not re.findall(r"\b(?:model_\w+|MODEL_\w+|model(?:_data)?\.[ch])\b", text), name


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not on PATH")
def test_make_gives_the_elf_that_was_analysed_under_any_name(tmp_path: Path) -> None:
    model, folder = write_network("plain", tmp_path), tmp_path / "out"
    arguments = ["export", str(model), "--board", "microbit", "--output", str(folder), "--name", "wake", "--json", "-"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    call(["make", "-s", "-C", str(folder), f"ZIG={shlex.quote(sys.executable)} -m ziglang"])
    readme = (folder / "README.md").read_text()
    digest = call(["sha256sum", str(folder / "build" / "firmware.elf")]).decode().split()[0]
    assert digest in readme
    assert "`wake_input_0`" in readme
    assert "WAKE_INPUT_0_SIZE" in readme
    assert json.loads(result.stdout)["fits"] is True
    plain = lower_model(model, load_board("microbit")).source
    assert (folder / "wake_data.h").read_text().count("\n") == plain.files["model_data.h"].count("\n")


@pytest.mark.parametrize("prefix", ["", "2nd", "a-b", "_x", "int main", "ä", "x" * 33, "main", "Arithmetic", "blocks"])
def test_a_name_that_c_or_the_export_refuses_is_refused(prefix: str, tmp_path: Path) -> None:
    model = write_network("plain", tmp_path)
    with pytest.raises(SparseMcuError, match="--name"):
        export_model(
            model,
            load_board("microbit"),
            BuildOptions(prefix=prefix),
            toolchain=find_toolchain("zig"),
            directory=tmp_path / "out",
        )
    assert not (tmp_path / "out").exists()
