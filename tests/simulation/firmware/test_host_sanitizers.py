"""The generated model under AddressSanitizer and UndefinedBehaviorSanitizer: clean, and still the reference.

Each program runs the same input three times over working memory that holds something else before each
run, so outputs that depend on anything unwritten, or on the run before, differ from the reference.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from crossed import crossed
from firmware_builds import call, write_sources
from layer_cases import random_inputs

from sparse_mcu.benchmarks.networks import NETWORKS, write_network
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph import Graph, load_graph
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers
from sparse_mcu.simulation.firmware import generate_firmware
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.reference import run_reference

MODELS = ["ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_int8"]
SLOW_MODELS = [pytest.param(name, marks=pytest.mark.slow) for name in MODELS if name != "kws_ref_model"]
POISONS = (0x00, 0xA5, 0x7F)
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-Wstrict-prototypes", "-Werror")


@dataclass(frozen=True)
class Sanitizer:
    """A compiler of this machine with its checks; each ends the program with a report, or a trap."""

    name: str
    command: tuple[str, ...]

    def missing(self, folder: Path) -> str:
        """Why it cannot be used here; empty if it can."""
        if shutil.which(self.command[0]) is None:
            return f"{self.command[0]} is not on PATH"
        source, program = folder / "probe.c", folder / "probe"
        source.write_text("int main(void) { return 0; }\n")
        command = [*self.command, str(source), "-o", str(program)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        works = done.returncode == 0 and subprocess.run([program], check=False).returncode == 0
        return "" if works else f"{self.name} does not work here: {done.stderr[:200]}"


SANITIZERS = [
    Sanitizer("gcc: address, undefined", ("gcc", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")),
    Sanitizer("clang: address, undefined", ("clang", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")),
    Sanitizer(
        "zig: undefined",
        (sys.executable, "-m", "ziglang", "cc", "-fsanitize=undefined,implicit-conversion", "-fsanitize-trap=all"),
    ),
]


@pytest.fixture(scope="module", params=SANITIZERS, ids=lambda sanitizer: sanitizer.name.split(":")[0])
def sanitizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sanitizer:
    """Every sanitizer that is installed."""
    chosen: Sanitizer = request.param
    reason = chosen.missing(tmp_path_factory.mktemp("probe"))
    if reason:
        pytest.skip(reason)
    return chosen


def driver(graph: Graph) -> str:
    """A program that reads all inputs once, and before each run poisons the memory and fills them in again."""
    inputs = [(f"model_input_{i}()", graph.tensor(name).size_bytes) for i, name in enumerate(graph.inputs)]
    total = sum(size for _, size in inputs)
    fills, start = "", 0
    for target, size in inputs:
        fills += f"        memcpy({target}, &given[{start}], {size});\n"
        start += size
    writes = "".join(
        f"        fwrite(model_output_{i}(), 1, {graph.tensor(name).size_bytes}, stdout);\n"
        for i, name in enumerate(graph.outputs)
    )
    return (
        '#include <stdio.h>\n#include <string.h>\n#include "model.c"\n'
        f"int main(void)\n{{\n    static int8_t given[{total}];\n"
        f"    const int poisons[] = {{{', '.join(map(str, POISONS))}}};\n"
        "    if (fread(given, 1, sizeof given, stdin) != sizeof given) return 2;\n"
        f"    model_init();\n    for (int i = 0; i < {len(POISONS)}; ++i) {{\n"
        "        memset(arena, poisons[i], sizeof arena);\n"
        f"{fills}        model_run();\n{writes}    }}\n    return 0;\n}}\n"
    )


def check(path: Path, board_name: str, sanitizer: Sanitizer, folder: Path, levers: Levers = ALL) -> None:
    """Compile without a warning, run without a report, get the reference's outputs every time."""
    graph, board = load_graph(path), load_board(board_name)
    write_sources(generate_firmware(graph, board, BuildOptions(levers=levers)), folder)
    (folder / "driver.c").write_text(driver(graph))
    program = str(folder / "driver")
    macros = ["-D__ARM_ARCH_6M__"] if board.core.architecture == "armv6-m" else []
    call([*sanitizer.command, "-std=c11", "-O1", *WARNINGS, *macros, str(folder / "driver.c"), "-o", program])
    inputs = random_inputs(graph, 5)
    answer = np.frombuffer(call([program], b"".join(inputs[name].tobytes() for name in graph.inputs)), np.int8)
    expected = run_reference(graph, inputs)
    once = np.concatenate([expected[name].ravel() for name in graph.outputs])
    np.testing.assert_array_equal(answer.reshape(len(POISONS), -1), np.tile(once, (len(POISONS), 1)))


@pytest.mark.parametrize("board_name", ["microbit", "bluepill", "nucleo-l4r5zi"])
@pytest.mark.parametrize("network", NETWORKS)
def test_small_networks(tmp_path: Path, sanitizer: Sanitizer, network: str, board_name: str) -> None:
    check(write_network(network, tmp_path), board_name, sanitizer, tmp_path)


@pytest.mark.parametrize("model", MODELS)
def test_reference_models(tmp_path: Path, sanitizer: Sanitizer, shared_data: Path, model: str) -> None:
    check(shared_data / "models" / f"mlperf__{model}.onnx", "nucleo-l4r5zi", sanitizer, tmp_path)


@pytest.mark.parametrize(
    ("network", "board_name", "max_recompute"), crossed(list(NETWORKS), ["microbit", "nucleo-l4r5zi"], [1.0, 2.0])
)
def test_streamed_networks(
    tmp_path: Path, sanitizer: Sanitizer, network: str, board_name: str, max_recompute: float
) -> None:
    levers = Levers(streaming=True, max_recompute=max_recompute)
    check(write_network(network, tmp_path), board_name, sanitizer, tmp_path, levers)


@pytest.mark.parametrize("model", ["kws_ref_model", *SLOW_MODELS])
def test_streamed_reference_models(tmp_path: Path, sanitizer: Sanitizer, shared_data: Path, model: str) -> None:
    levers = Levers(streaming=True, max_recompute=1.5)
    check(shared_data / "models" / f"mlperf__{model}.onnx", "nucleo-l4r5zi", sanitizer, tmp_path, levers)


def run_broken(run: str, sanitizer: Sanitizer, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the small network with statements that hold a defect in place of each inference."""
    graph = load_graph(write_network("plain", folder))
    write_sources(generate_firmware(graph, load_board("bluepill")), folder)
    (folder / "broken.c").write_text(driver(graph).replace("model_run();", run))
    program = str(folder / "broken")
    call([*sanitizer.command, "-std=c11", "-O1", str(folder / "broken.c"), "-o", program])
    stimulus = b"".join(random_inputs(graph, 5)[name].tobytes() for name in graph.inputs)
    return subprocess.run([program], input=stimulus, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("check_name", "statement"),
    [
        ("address", "(void)*(volatile int8_t *)(arena + sizeof arena + (size_t)(i >= 0));"),
        ("undefined", "volatile int32_t most = INT32_MAX; most = most + 1 + i;"),
    ],
)
def test_a_defect_ends_the_program(tmp_path: Path, sanitizer: Sanitizer, check_name: str, statement: str) -> None:
    """Otherwise the tests above would prove nothing."""
    if check_name not in sanitizer.name:
        pytest.skip(f"{sanitizer.name} does not look for it")
    assert run_broken(f"model_run(); {statement}", sanitizer, tmp_path).returncode != 0


def test_an_output_that_depends_on_old_memory_differs_between_runs(tmp_path: Path, sanitizer: Sanitizer) -> None:
    unwritten = "arena[model_input_0() == arena ? sizeof arena - 1 : 0]"
    run = f"const int8_t old = {unwritten}; model_run(); arena[model_output_0() - arena] ^= old;"
    done = run_broken(run, sanitizer, tmp_path)
    runs = np.frombuffer(done.stdout, np.int8).reshape(len(POISONS), -1)
    assert len({run.tobytes() for run in runs}) == len(POISONS)
