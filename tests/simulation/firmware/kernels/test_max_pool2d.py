"""Max pooling."""

from pathlib import Path

import numpy as np
import pytest
from firmware_builds import BATCHES, assert_matches_reference, target_toolchains
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches
from layer_cases import LayerCase, graph_of, tensor

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph.operators import Clamp, MaxPool2d, Window
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.analysis.lowering import LoweredModel
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.execution.run import measure
from sparse_mcu.simulation.firmware import generate_firmware
from sparse_mcu.simulation.toolchain import find_toolchain


@BATCHES
@given(batch=batches("max_pool2d"), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@pytest.mark.parametrize("toolchain", target_toolchains())
def test_a_pool_of_one_pixel_in_place_is_a_function_all_the_same(toolchain: str, tmp_path: Path) -> None:
    pool = MaxPool2d(name="", inputs=(), output="", window=Window(kernel=(1, 1)), clamp=Clamp())
    graph, board = (
        graph_of([LayerCase(pool, (tensor((1, 2, 2, 3), 0),), tensor((1, 2, 2, 3), 0))]),
        load_board("microbit"),
    )
    source = generate_firmware(graph, board)
    assert source.plan.arena_bytes == 2 * 2 * 3
    built = build_model(LoweredModel(graph, board, source), find_toolchain(toolchain), tmp_path)
    values = np.arange(12, dtype=np.int8).reshape(1, 2, 2, 3)
    outputs = measure(built, find_engine("unicorn"), {"in0_0": values}, 1_000_000).outputs
    np.testing.assert_array_equal(outputs["out0"], values)
