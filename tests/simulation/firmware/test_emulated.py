"""Layers of every kernel on every emulated core, from every compiler here, against the integer reference.

The host's tests cover the arithmetic in plain C; these cover the instructions that a core has for it.
"""

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
from sparse_mcu.simulation.toolchain import find_toolchain

# One board of each core.
BOARDS = ["microbit", "nucleo-g0b1re", "bluepill", "nucleo-l4r5zi", "nucleo-f746zg", "nucleo-u575zi-q"]
MULTIPLYING = st.one_of(
    dense_layers(),
    pruned(dense_layers(most_features=900)),
    pruned(convolutions()),
    *(convolutions(kind=kind) for kind in ("pointwise", "depthwise", "shallow")),
)


@pytest.mark.parametrize("board_name", BOARDS)
@pytest.mark.parametrize("toolchain", target_toolchains())
@settings(BATCHES, max_examples=2)
@given(
    cases=st.tuples(
        st.lists(MULTIPLYING | convolutions(), min_size=5, max_size=5), st.lists(any_layer(), min_size=3, max_size=5)
    ),
    seed=st.integers(0, 99),
)
def test_it_computes_what_the_reference_does(
    toolchain: str,
    board_name: str,
    cases: tuple[list[LayerCase], list[LayerCase]],
    seed: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    graph, board = graph_of([*cases[0], *cases[1]]), load_board(board_name)
    inputs = random_inputs(graph, seed)
    lowered = LoweredModel(graph, board, generate_firmware(graph, board))
    folder: Path = tmp_path_factory.mktemp("emulated")
    built = build_model(lowered, find_toolchain(toolchain), folder)
    outputs = measure(built, find_engine("unicorn"), inputs, 10_000_000).outputs
    expected = run_reference(graph, inputs)
    for name, case in zip(graph.outputs, [*cases[0], *cases[1]], strict=True):
        np.testing.assert_array_equal(outputs[name], expected[name], err_msg=f"{case}")
