"""`export`: what users get builds with make alone, to the byte, runs, and never half."""

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from elftools.elf.elffile import ELFFile
from firmware_builds import call, host_compiler
from layer_cases import random_inputs, tensor
from needed import need
from small_networks import lowered_network

from sparse_mcu.benchmarks.networks import NETWORKS, write_network
from sparse_mcu.costmodel.cli import main
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph import encode_input, load_graph
from sparse_mcu.costmodel.graph.graph import Graph, Port
from sparse_mcu.costmodel.report import AnalysisReport
from sparse_mcu.simulation.analysis.lowering import lower_model
from sparse_mcu.simulation.exporting.export import export_model, reading_expression
from sparse_mcu.simulation.reference import run_reference
from sparse_mcu.simulation.toolchain import arm_gcc, zig
from sparse_mcu.simulation.toolchain.protocol import Toolchain

MEMORY_FUNCTIONS = {"memcpy", "memmove", "memset"}
# What compilers call for arithmetic that the core lacks, and their own names of the memory functions
# (Run-time ABI for the Arm Architecture, 4.2 and 4.3.4).
RUNTIME = re.compile(r"__aeabi_(u?i(div|divmod)|u?l(div|mul|divmod)|lmul|llsl|llsr|lasr|mem(cpy|move|set|clr)[48]?)")

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not on PATH")
needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="no cc on PATH")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "-C", str(folder), f"ZIG={shlex.quote(sys.executable)} -m ziglang", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def made(folder: Path, *arguments: str) -> ELFFile:
    """The ELF of a make that says nothing but its commands."""
    done = make(folder, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return read_elf(folder / "build" / "firmware.elf")


def runtime(board: str) -> str:
    """Spares make the four seconds in which zig builds its runtime library; nothing to the other compiler."""
    return f"RUNTIME={zig.Zig.find()._runtime(load_board(board).core)}"


def read_elf(path: Path) -> ELFFile:
    return ELFFile(io.BytesIO(path.read_bytes()))


def symbols(elf: ELFFile) -> dict[str, int]:
    return {symbol.name: symbol["st_value"] for symbol in elf.get_section_by_name(".symtab").iter_symbols()}


def export(network: str, board: str, toolchain: Toolchain, folder: Path) -> AnalysisReport:
    return export_model(
        write_network(network, folder), load_board(board), toolchain=toolchain, directory=folder / "out"
    )


@needs_make
@pytest.mark.parametrize(
    ("network", "board", "builds_runtime"),
    [
        ("plain", "microbit", True),
        ("branched", "nucleo-l4r5zi", False),
        pytest.param("branched", "nucleo-l4r5zi", True, marks=pytest.mark.slow),
    ],
)
def test_make_gives_the_elf_that_was_analysed(
    tmp_path: Path, toolchain: Toolchain, network: str, board: str, *, builds_runtime: bool
) -> None:
    report = export(network, board, toolchain, tmp_path)
    folder, given = tmp_path / "out", [] if builds_runtime else [runtime(board)]
    generated = lower_model(tmp_path / f"{network}.onnx", load_board(board)).source.files
    assert {file.name for file in folder.iterdir()} == {*generated, "Makefile", "README.md", "host.c", "report.json"}
    assert {name: (folder / name).read_text() for name in generated} == generated
    found = symbols(made(folder, *given))
    assert found["__stack_top"] - found["__stack_bottom"] == report.ram.stack_bytes
    readme = (folder / "README.md").read_text()
    assert sha256((folder / "build" / "firmware.elf").read_bytes()).hexdigest() in readme
    assert f"__stack_size = {report.ram.stack_bytes} bytes" in (folder / "Makefile").read_text()
    for size in (report.ram.total_bytes, report.flash.total_bytes):
        assert f"**{size}**" in readme
    assert json.loads((folder / "report.json").read_text()) == report.model_dump(mode="json")


@needs_make
def test_another_compiler_and_other_flags_get_a_stack_with_room(tmp_path: Path, toolchain: Toolchain) -> None:
    report = export("branched", "bluepill", toolchain, tmp_path)
    spare = 2 * (report.ram.stack_bytes or 0) + 512
    folder, ready = tmp_path / "out", runtime("bluepill")
    strict = symbols(made(folder, ready, "CFLAGS=-Werror -Wshadow"))
    assert strict["__stack_top"] - strict["__stack_bottom"] == spare
    given = symbols(made(folder, ready, "STACK_SIZE=1024"))
    assert given["__stack_top"] - given["__stack_bottom"] == 1024
    if toolchain.name == arm_gcc.NAME:
        other = symbols(made(folder, ready, f"TOOLCHAIN={zig.NAME}"))
        assert other["__stack_top"] - other["__stack_bottom"] == spare
        named = symbols(made(folder, f"CC={shutil.which(arm_gcc.NAME)}"))
        assert named["__stack_top"] - named["__stack_bottom"] == report.ram.stack_bytes
    refused = make(folder, "TOOLCHAIN=armcc")
    assert refused.returncode == 2
    assert "not armcc" in refused.stderr


@needs_make
@needs_cc
@pytest.mark.parametrize("network", NETWORKS)
def test_the_host_program_prints_what_the_reference_computes(
    tmp_path: Path, toolchain: Toolchain, network: str
) -> None:
    export(network, "nucleo-l4r5zi", toolchain, tmp_path)
    graph = load_graph(tmp_path / f"{network}.onnx")
    inputs = [random_inputs(graph, seed) for seed in range(3)]
    stimulus = tmp_path / "inputs.bin"
    stimulus.write_bytes(b"".join(each[name].tobytes() for each in inputs for name in graph.inputs))
    assert make(tmp_path / "out", "host", "HOST_CFLAGS=-Werror").returncode == 0
    program = str(tmp_path / "out" / "build" / "host")
    lines = call([program, str(stimulus)]).decode().splitlines()
    expected = [run_reference(graph, each)[name].ravel().tolist() for each in inputs for name in graph.outputs]
    assert [[int(word) for word in line.split()] for line in lines] == expected
    stimulus.write_bytes(stimulus.read_bytes()[:-1])
    for arguments, message in (
        ((stimulus,), "whole inputs"),
        ((tmp_path / "none",), "cannot be opened"),
        ((), "give one file"),
        ((os.devnull,), "whole inputs"),
    ):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert message in done.stderr


@needs_make
def test_two_exports_are_equal_to_the_byte_and_so_are_their_elves(tmp_path: Path, toolchain: Toolchain) -> None:
    model = write_network("branched", tmp_path)
    folders = [tmp_path / "a", tmp_path / "elsewhere" / "b"]
    for seed, folder in enumerate(folders):
        program = [sys.executable, "-c", "from sparse_mcu.costmodel.cli import main; main()"]
        options = ["--board", "microbit", "--toolchain", toolchain.name, "--output", str(folder), "--json", "-"]
        environment = os.environ | {"PYTHONHASHSEED": str(seed)}
        subprocess.run([*program, "export", str(model), *options], env=environment, check=True, capture_output=True)
    contents = [{file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders]
    assert contents[0] == contents[1]
    first, second = (made(folder, runtime("microbit")).stream.getvalue() for folder in folders)
    assert first == second


@pytest.mark.parametrize(
    "board_name", ["microbit", "rp2040-pico", "bluepill", "nucleo-l4r5zi", "nucleo-f746zg", "nucleo-u575zi-q"]
)
def test_the_model_needs_nothing_but_memory_functions(tmp_path: Path, toolchain: Toolchain, board_name: str) -> None:
    export("branched", board_name, toolchain, tmp_path)
    compiled = toolchain.compile(tmp_path / "out" / "model.c", load_board(board_name).core, tmp_path / "model.o")
    elf = read_elf(compiled.path)
    table = elf.get_section_by_name(".symtab")
    needed = {s.name for s in table.iter_symbols() if s["st_shndx"] == "SHN_UNDEF" and s.name}
    assert [name for name in needed - MEMORY_FUNCTIONS if not RUNTIME.fullmatch(name)] == []
    offered = {s.name for s in table.iter_symbols() if s["st_info"]["bind"] == "STB_GLOBAL"} - needed
    assert offered == {"model_init", "model_run", "model_input_0", "model_output_0"}


def test_a_vendors_linker_script_takes_it_as_it_is(tmp_path: Path) -> None:
    """GNU ld's own script stands for it: constants in .rodata, the arena in .bss and not in flash."""
    compiler = need(arm_gcc.NAME)
    report = export("branched", "bluepill", arm_gcc.ArmGcc.find(), tmp_path)
    folder, program = tmp_path / "out", tmp_path / "application.elf"
    (folder / "application.c").write_text(readme_block(folder, "c"))
    machine = ["-mthumb", "-mcpu=cortex-m3", "-O2", "-ffreestanding", "-nostdlib"]
    sources = [str(folder / name) for name in ("application.c", "model.c", "memory.c")]
    call([compiler, *machine, *sources, "-Wl,-e,infer", "-Wl,--orphan-handling=error", "-lgcc", "-o", str(program)])
    elf = read_elf(program)
    assert elf.get_section_by_name(".bss")["sh_size"] >= report.ram.arena_bytes
    constants = report.flash.weights_bytes + report.flash.constants_bytes
    assert elf.get_section_by_name(".rodata")["sh_size"] >= constants
    assert sum(segment["p_filesz"] for segment in elf.iter_segments("PT_LOAD")) < constants + 6000


def readme_block(folder: Path, language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    return str(block)


def test_the_readmes_examples_are_true(tmp_path: Path, toolchain: Toolchain) -> None:
    export("branched", "microbit", toolchain, tmp_path)
    folder, graph = tmp_path / "out", load_graph(tmp_path / "branched.onnx")
    (folder / "example.c").write_text(readme_block(folder, "c"))
    warnings = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-Wno-missing-prototypes"]
    call([*host_compiler(), *warnings, "-c", str(folder / "example.c"), "-o", str(tmp_path / "example.o")])
    array = np.random.default_rng(0).normal(0, 5, (1, 3, 16, 16)).astype(np.float32)
    script = "import numpy as np\narray_0 = np.load('x.npy')\n" + readme_block(folder, "python")
    np.save(folder / "x.npy", array)
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True)
    assert (folder / "input.bin").read_bytes() == encode_input(graph, "image", array).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
def test_every_type_of_port_is_read_as_the_gate_reads_it(dtype: str) -> None:
    stored = tensor((1, 4, 4, 1), -3, 0.7)
    port = Port(shape=(1, 1, 4, 4), permutation=(0, 2, 3, 1), dtype=dtype)  # type: ignore[arg-type]
    graph = Graph("ports", "0" * 64, {"x": stored}, (), ("x",), (), {"x": port})
    values = np.arange(16).reshape(port.shape) * 9
    array = (values - 70 if dtype != "uint8" else values).astype(dtype)
    codes = eval(reading_expression("array", port.dtype, stored.quantization))  # noqa: S307 - our own expression
    np.testing.assert_array_equal(codes.astype(np.int8).transpose(port.permutation), encode_input(graph, "x", array))


@pytest.fixture
def tiny_board(tmp_path: Path) -> Path:
    """The micro:bit with 1 KiB of RAM, as a user's own board file."""
    text = (files("sparse_mcu.costmodel.devices") / "boards" / "microbit.toml").read_text()
    head, mark, tail = text.partition("[ram.size_bytes]")
    board = tmp_path / "tiny.toml"
    board.write_text(head + mark + re.sub(r"(?m)^value = .*$", "value = 1024", tail, count=1))
    return board


@needs_make
def test_what_does_not_fit_is_written_and_says_so(tmp_path: Path, tiny_board: Path) -> None:
    model, folder = write_network("branched", tmp_path), tmp_path / "out"
    result = run("export", model, "--board", tiny_board, "--toolchain", "zig", "--output", folder, "--json", "-")
    assert result.exit_code == 1, result.output
    record = json.loads(result.stdout)
    assert record == json.loads((folder / "report.json").read_text())
    (missing,) = record["shortfalls"]
    assert f"ram is {missing['excess_bytes']} bytes too small" in (folder / "README.md").read_text()
    assert "LENGTH = 1024" in (folder / "firmware.ld").read_text()
    refused = make(folder, runtime("microbit"))
    assert refused.returncode == 2
    assert "RAM" in refused.stderr
    assert not (folder / "build" / "firmware.elf").exists()
    table = run("export", model, "--board", tiny_board, "--toolchain", "zig", "--output", folder, "--force").output
    assert "does not fit" in table


def test_a_folder_with_something_in_it_is_left_alone_unless_forced(tmp_path: Path) -> None:
    model, folder = write_network("plain", tmp_path), tmp_path / "out"
    folder.mkdir()
    arguments = ("export", model, "--board", "microbit", "--toolchain", "zig", "--output", folder)
    assert run(*arguments).exit_code == 0
    (folder / "model.c").write_text("mine")
    (folder / "notes.txt").write_text("mine too")
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert "not empty" in refused.stderr
    assert (folder / "model.c").read_text() == "mine"
    assert run(*arguments, "--force").exit_code == 0
    assert "Generated" in (folder / "model.c").read_text()
    assert (folder / "notes.txt").read_text() == "mine too"
    assert not [file for file in folder.iterdir() if file.name.startswith(".")]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_network("plain", tmp_path)
    before = sorted(tmp_path.iterdir())
    options = ("--board", "microbit", "--toolchain", "zig", "--output")
    assert run("export", tmp_path / "none.onnx", *options, tmp_path / "out").exit_code == 2
    in_the_way = run("export", model, *options, model)
    assert (in_the_way.exit_code, "this is a file" in in_the_way.stderr) == (2, True)
    assert run("export", model, *options, model / "out").exit_code == 2
    write_text = Path.write_text

    def full(path: Path, text: str, *, encoding: str | None = None, newline: str | None = None) -> int:
        if path.name == "host.c":
            raise OSError(28, "No space left on device")
        return write_text(path, text, encoding=encoding, newline=newline)

    monkeypatch.setattr(Path, "write_text", full)
    result = run("export", model, *options, tmp_path / "out")
    assert result.exit_code == 2
    assert "No space left" in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_the_page_on_firmware_knows_every_file_and_names_only_what_exists() -> None:
    root = Path(__file__).parents[3]
    page = (root / "docs" / "firmware.md").read_text()
    generated = lowered_network("plain", "microbit").source.files
    assert [name for name in generated if f"`{name}`" not in page] == []
    named = re.findall(r"`((?:simulation|tests|docs)/[^`]*)`", page)
    assert len(named) >= 5
    assert [name for name in named if not (root / name).exists()] == []
