"""The five reference models on every board with every compiler that is installed: exhaustive, hence slow."""

from pathlib import Path

import pytest

from sparse_mcu.costmodel.devices import board_names, load_board
from sparse_mcu.simulation.execution.run import simulate_model
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.toolchain.protocol import Toolchain

MODELS = ("ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_int8")
ONE_BOARD = ("nucleo-l4r5zi",)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "board", [name if name in ONE_BOARD else pytest.param(name, marks=pytest.mark.slow) for name in board_names()]
)
def test_outputs_are_exact_and_the_stack_is_bounded(
    shared_data: Path, tmp_path: Path, toolchain: Toolchain, model: str, board: str
) -> None:
    path = shared_data / "models" / f"mlperf__{model}.onnx"
    report = simulate_model(path, Target(load_board(board), toolchain.name), directory=tmp_path)
    assert report.outputs_match_reference
    assert report.memory.proven
    ram = report.ram
    assert ram.measured_arena_bytes is not None
    assert ram.measured_stack_bytes is not None
    assert ram.stack_bytes is not None
    assert ram.measured_arena_bytes <= ram.arena_bytes
    assert 0 <= ram.stack_bytes - ram.measured_stack_bytes <= 32
