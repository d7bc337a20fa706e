"""Builds generated firmware for this machine, to run it, and for the target, to look at it."""

import io
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from elftools.elf.elffile import ELFFile
from hypothesis import Phase, settings
from hypothesis import strategies as st
from kernel_cases import ALL_CORES, Batch, assert_computed
from layer_cases import random_inputs

from sparse_mcu.costmodel.devices.types import Board, Core
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.memory import plan_graph, plan_memory, problem_of
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers
from sparse_mcu.simulation.firmware import FirmwareSource
from sparse_mcu.simulation.firmware.choice.selection import select_kernels
from sparse_mcu.simulation.firmware.choice.stages import StageKernels
from sparse_mcu.simulation.firmware.generate import write_firmware
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.reference import run_reference
from sparse_mcu.simulation.toolchain import FINDERS, find_toolchain
from sparse_mcu.simulation.toolchain.protocol import LinkRequest

Inputs = Mapping[str, npt.NDArray[np.int8]]
_ZIG = [sys.executable, "-m", "ziglang", "cc"]
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]
_HOST_SANITIZERS = {
    "cc": ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"],
    "zig": ["-fsanitize=undefined", "-fsanitize-trap=undefined"],
}
STACK_BYTES = 1024
_QUICK = {"order_nodes": 100, "placement_nodes": 100}
# Every example is compiled. So there are few examples with many layers each, and hypothesis does not shrink failures.
BATCHES = settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
BOARDS = st.sampled_from(ALL_CORES)


def write_sources(source: FirmwareSource, folder: Path) -> None:
    """Writes every file into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in source.files.items():
        (folder / name).write_text(text)


def host_compiler() -> list[str]:
    """Returns the command of this machine's C compiler, else of zig's. Undefined behaviour traps."""
    compiler = shutil.which("cc")
    return [compiler, *_HOST_SANITIZERS["cc"]] if compiler else [*_ZIG, *_HOST_SANITIZERS["zig"]]


def macros(core: Core) -> list[str]:
    """Returns the options that make this machine's compiler take the same code as the core's."""
    return ["-D__ARM_ARCH_6M__"] if core.architecture == "armv6-m" else []


def _host_main(graph: Graph) -> str:
    """Returns a `main` that poisons the arena, reads inputs, runs, and writes outputs, until the input ends."""
    fills = "".join(
        f"        if (fread(model_input_{i}(), 1, {graph.tensor(name).size_bytes}, stdin) == 0) return 0;\n"
        for i, name in enumerate(graph.inputs)
    )
    writes = "".join(
        f"        fwrite(model_output_{i}(), 1, {graph.tensor(name).size_bytes}, stdout);\n"
        for i, name in enumerate(graph.outputs)
    )
    return (
        '#include <stdio.h>\n#include "model.c"\n'
        "int main(void)\n{\n    model_init();\n    for (int poison = 0x5a;; poison += 0x4b) {\n"
        "        memset(arena, poison & 0xff, sizeof arena);\n"
        f"{fills}        model_run();\n{writes}    }}\n}}\n"
    )


def run_on_host(
    graph: Graph, source: FirmwareSource, inputs: Inputs, *, core: Core, runs: int = 2
) -> list[dict[str, npt.NDArray[np.int8]]]:
    """Compiles the model for this machine and runs it several times over poisoned memory. Returns the outputs.

    -Og optimises enough for every warning that follows the flow of data, in half of the time that -O1 takes.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_sources(source, folder)
        (folder / "host.c").write_text(_host_main(graph))
        program = folder / "host"
        call([*host_compiler(), "-std=c11", "-Og", *STRICT, *macros(core), str(folder / "host.c"), "-o", str(program)])
        stimulus = b"".join(inputs[name].tobytes() for name in graph.inputs) * runs
        answer = call([str(program)], stimulus)
    ends = np.cumsum([graph.tensor(name).size_bytes for name in graph.outputs])
    rows = np.frombuffer(answer, np.int8).reshape(runs, -1)
    parts = [np.split(row, ends[:-1]) for row in rows]
    return [
        {name: part.reshape(graph.tensor(name).shape) for name, part in zip(graph.outputs, row, strict=True)}
        for row in parts
    ]


def written_quickly(
    graph: Graph,
    board: Board,
    levers: Levers,
    *,
    settled: Mapping[str, str] | None = None,
    executed: Collection[str] | None = None,
) -> FirmwareSource:
    """Generates firmware whose arena need not be small, for tests of what kernels compute.

    Args:
        graph: The network.
        board: The board.
        levers: What the plan may do.
        settled: Operator -> kernel, for operators whose kernel is settled.
        executed: Concats and Slices that are no views; all others that can be views are. None: the planner chooses.
    """
    chosen = select_kernels(graph, board.core, kernels=settled)
    contracts = {name: implementation.contract for name, implementation in chosen.items()}
    if executed is None:
        plan = plan_graph(graph, contracts, levers, **_QUICK)
    else:
        plan = plan_memory(problem_of(graph, contracts, levers, executed=executed), **_QUICK)
    options = BuildOptions(levers=levers)
    return write_firmware(
        graph, board, (chosen, plan, StageKernels(board.core, options.optimise, settled or {})), options
    )


def assert_matches_reference(batch: Batch, seed: int) -> None:
    """The batch's kernel computes what the reference does, twice in a row."""
    graph, board = batch.graph, batch.board
    inputs = random_inputs(graph, seed)
    expected = run_reference(graph, inputs)
    source = written_quickly(graph, board, replace(ALL, concat_views=False), settled=batch.settled)
    assert_computed(batch, source)
    for outputs in run_on_host(graph, source, inputs, core=board.core):
        for case, name in zip(batch.cases, graph.outputs, strict=True):
            np.testing.assert_array_equal(outputs[name], expected[name], err_msg=f"{case}")


def target_toolchains() -> list[str]:
    """Returns the toolchains that are installed. zig always is."""
    return [name for name in FINDERS if name != "arm-none-eabi-gcc" or shutil.which(name)]


def build_for_target(source: FirmwareSource, core: Core, toolchain: str, folder: Path) -> ELFFile:
    """Compiles with all warnings as errors, links, and returns the ELF."""
    write_sources(source, folder)
    tool = find_toolchain(toolchain)
    names = sorted(name for name in source.files if name.endswith(".c"))
    objects = tuple(tool.compile(folder / name, core, folder / f"{name}.o").path for name in names)
    program = folder / "firmware.elf"
    tool.link(LinkRequest(objects, folder / "firmware.ld", core, STACK_BYTES, program))
    return ELFFile(io.BytesIO(program.read_bytes()))


def call(command: list[str], stimulus: bytes = b"") -> bytes:
    """Runs a command that must succeed without any error output, and returns its output."""
    done = subprocess.run(command, input=stimulus, capture_output=True, check=False)
    if done.returncode or done.stderr:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stderr.decode()}")
    return done.stdout
