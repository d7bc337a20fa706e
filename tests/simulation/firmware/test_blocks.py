"""The fast kernels on every core: scheduled by hand and in plain C, from both compilers, for speed and for size."""

from pathlib import Path

import numpy as np
import pytest
from crossed import crossed
from firmware_builds import BATCHES, target_toolchains
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import layers_for
from layer_cases import LayerCase, graph_of, random_inputs

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.analysis.lowering import LoweredModel
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.execution.run import measure
from sparse_mcu.simulation.firmware import generate_firmware
from sparse_mcu.simulation.reference import run_reference
from sparse_mcu.simulation.toolchain import find_toolchain, flags

BOARDS = ["microbit", "nucleo-g0b1re", "bluepill", "nucleo-l4r5zi", "nucleo-f746zg", "nucleo-u575zi-q"]
COMMON = ["depthwise_rows", "depthwise_strips", "add", "average_pool2d_lanes", "max_pool2d_lanes"]
FAST = {
    True: ["conv2d_biplex", "conv2d_biplex", "pointwise_biplex", "depthwise_planes", "dense_biplex", *COMMON],
    False: ["conv2d_swar", "conv2d_swar", "depthwise_bytes", *COMMON],
}
DENSE = {True: "dense_interleaved", False: "dense_biplex"}
STACK_SLACK_BYTES = 32


@pytest.mark.parametrize(
    ("options", "toolchain", "board_name"),
    crossed(["-O2", "-Os", "-O2 -DPLAIN_BLOCKS"], target_toolchains(), BOARDS),
)
@settings(BATCHES, max_examples=1)
@given(data=st.data())
def test_they_compute_what_the_reference_does(
    options: str, toolchain: str, board_name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    board = load_board(board_name)
    fast, dense = FAST[board.core.has_dsp], DENSE[board.core.has_it_blocks and not board.core.has_dsp]
    names = 2 * [*fast, dense]
    cases: list[LayerCase] = [data.draw(layers_for(name, board.core)) for name in names]
    graph = graph_of(cases)
    inputs = random_inputs(graph, data.draw(st.integers(0, 99)))
    settled = {operator.name: name for operator, name in zip(graph.operators, names, strict=True)}
    source = generate_firmware(graph, board, kernels=settled)
    assert source.kernels == settled
    folder: Path = tmp_path_factory.mktemp("blocks")
    with pytest.MonkeyPatch.context() as patch:
        language = [word for word in flags.LANGUAGE if word != "-O2"]
        patch.setattr(flags, "LANGUAGE", (*language, *options.split()))
        built = build_model(LoweredModel(graph, board, source), find_toolchain(toolchain), folder)
    measured = measure(built, find_engine("unicorn"), inputs, 50_000_000)
    expected = run_reference(graph, inputs)
    for name, case in zip(graph.outputs, cases, strict=True):
        np.testing.assert_array_equal(measured.outputs[name], expected[name], err_msg=f"{case}")
    used = measured.run.stack_used_bytes
    assert used <= built.ram.stack_bytes <= used + STACK_SLACK_BYTES
