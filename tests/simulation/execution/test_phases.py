"""Whose an executed instruction is, where layers take turns."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_networks import lowered_network

from sparse_mcu.benchmarks.networks import NETWORKS, write_network
from sparse_mcu.costmodel.devices import at_operating_point, load_board
from sparse_mcu.costmodel.memory.model.levers import ALL
from sparse_mcu.costmodel.timing.memory_system import IDEAL
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.execution.phases import SETUP_PHASES, by_layer, phase_marks
from sparse_mcu.simulation.execution.run import measure, random_inputs, simulate_model
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.firmware.source import STREAM
from sparse_mcu.simulation.toolchain import find_toolchain

STREAMING = replace(ALL, streaming=True)


@pytest.mark.parametrize("board_name", ["microbit", "nucleo-l4r5zi"])
@pytest.mark.parametrize("network", NETWORKS)
def test_every_instruction_is_somebodys_once(network: str, board_name: str, tmp_path: Path) -> None:
    lowered = lowered_network(network, board_name, BuildOptions(levers=STREAMING))
    built = build_model(lowered, find_toolchain(), tmp_path / "build")
    source = lowered.source
    run = measure(built, find_engine("unicorn"), random_inputs(lowered.graph), 10**8).run
    split = by_layer(run.profile, source, built.image)
    assert len(run.profile.executed) == 1 + len(phase_marks(source, built.image))
    assert len(split.executed) == SETUP_PHASES + len(source.layers)
    np.testing.assert_array_equal(split.executed.sum(axis=0), run.profile.executed.sum(axis=0))
    np.testing.assert_array_equal(split.taken.sum(axis=0), run.profile.taken.sum(axis=0))


@pytest.mark.parametrize("toolchain", ["zig", "arm-none-eabi-gcc"])
def test_layers_of_a_stream_have_about_the_cycles_that_they_have_alone(toolchain: str, tmp_path: Path) -> None:
    board = at_operating_point(load_board("nucleo-l4r5zi"), memory=IDEAL)  # layers that take turns miss more code
    model, tool = write_network("plain", tmp_path), find_toolchain(toolchain)
    whole = simulate_model(model, Target(board, tool.name), BuildOptions("flash"), directory=tmp_path)
    streamed = simulate_model(model, Target(board, tool.name), BuildOptions("flash", STREAMING), directory=tmp_path)
    alone = {layer.layer: layer for layer in whole.cycles.layers}
    rows = [layer for layer in streamed.cycles.layers if layer.kernel != STREAM]
    own = [layer for layer in streamed.cycles.layers if layer.kernel == STREAM]
    assert own
    assert all(layer.instructions > 0 for layer in own)
    assert {layer.layer for layer in rows} == alone.keys()
    for layer in rows:
        if layer.kernel == alone[layer.layer].kernel:
            assert 0.6 * alone[layer.layer].cycles < layer.cycles < 1.6 * alone[layer.layer].cycles
    assert 0 <= streamed.cycles.total - sum(layer.cycles for layer in streamed.cycles.layers) < 100
