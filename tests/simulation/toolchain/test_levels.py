"""Firmware is built at -O2, but whoever takes an export may build it at -Os: the same layers must come out right."""

from pathlib import Path

import numpy as np
import pytest
from firmware_builds import BATCHES, target_toolchains
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import LayerCase, any_layer, convolutions, dense_layers, graph_of, pruned, random_inputs

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.analysis.lowering import LoweredModel
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.execution.run import measure
from sparse_mcu.simulation.firmware import generate_firmware
from sparse_mcu.simulation.reference import run_reference
from sparse_mcu.simulation.toolchain import find_toolchain, flags

BOARDS = ["microbit", "nucleo-g0b1re", "bluepill", "nucleo-l4r5zi", "nucleo-f746zg", "nucleo-u575zi-q"]
LAYERS = st.one_of(
    dense_layers(), convolutions(), pruned(convolutions()), convolutions(kind="depthwise"), any_layer(), any_layer()
)


@pytest.mark.parametrize("board_name", BOARDS)
@pytest.mark.parametrize("toolchain", target_toolchains())
@settings(BATCHES, max_examples=2)
@given(cases=st.lists(LAYERS, min_size=8, max_size=9), seed=st.integers(0, 99))
def test_layers_built_for_size_compute_what_the_reference_does(
    toolchain: str, board_name: str, cases: list[LayerCase], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    graph, board = graph_of(cases), load_board(board_name)
    inputs = random_inputs(graph, seed)
    lowered = LoweredModel(graph, board, generate_firmware(graph, board))
    folder: Path = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flags, "LANGUAGE", tuple("-Os" if flag == "-O2" else flag for flag in flags.LANGUAGE))
        assert "-Os" in flags.compile_flags(board.core)
        built = build_model(lowered, find_toolchain(toolchain), folder)
    outputs = measure(built, find_engine("unicorn"), inputs, 10_000_000).outputs
    expected = run_reference(graph, inputs)
    for name, case in zip(graph.outputs, cases, strict=True):
        np.testing.assert_array_equal(outputs[name], expected[name], err_msg=f"{case}")
