"""SqueezeNet, whose Concats of channels decide its arena: nobody executes them.

For 128 x 128 images X-CUBE-AI 7.3 needs 460,800 bytes for SqueezeNet 1.0 and 246,016 for 1.1 (ST's model zoo).
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from firmware_builds import target_toolchains
from guarded import assert_same
from layer_cases import random_inputs
from qdq import QdqNetwork, Quantized

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.costmodel.memory.model.levers import ALL
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.analysis.lowering import LoweredModel
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.execution.run import measure
from sparse_mcu.simulation.firmware import generate_firmware
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.reference import run_reference
from sparse_mcu.simulation.toolchain import find_toolchain

POOL = 0
STEMS = {"1.0": (96, (7, 7)), "1.1": (64, (3, 3))}
FIRES = {
    "1.0": (16, 16, 32, POOL, 32, 48, 48, 64, POOL, 64),
    "1.1": (16, 16, POOL, 32, 32, POOL, 48, 48, 64, 64),
}
"""Channels of each fire module's squeezed map; both of its expanded maps have four times as many."""
ARENAS = {"1.0": (460800, 360424, 345472, 260448), "1.1": (315520, 255228, 184448, 139008)}
"""Bytes on a core with DSP: no lever; those that are on by default; fused pools without and with views of Concats."""


class SharedScales(QdqNetwork):
    """A network in which the inputs of a Concat may share a scale, as converters of integer networks arrange it."""

    shared: Quantized | None = None

    def quantize(self, name: str, shape: tuple[int, ...], scale: float, zero_point: int) -> Quantized:
        """As `shared` is, if it is set."""
        like = self.shared
        return super().quantize(name, shape, like.scale if like else scale, like.zero_point if like else zero_point)


def fire(network: SharedScales, x: Quantized, channels: int) -> Quantized:
    """A module: squeezed, expanded by two convolutions, joined."""
    x = network.conv(x, channels, (1, 1), relu=True)
    narrow = network.conv(x, 4 * channels, (1, 1), relu=True)
    network.shared = narrow
    wide = network.conv(x, 4 * channels, (3, 3), pads=(1, 1, 1, 1), relu=True)
    network.shared = None
    return network.concat([narrow, wide], 1, direct=True)


def squeezenet(version: str, extent: int, path: Path) -> Path:
    """With random weights."""
    network = SharedScales(np.random.default_rng(0))
    channels, kernel = STEMS[version]
    x = network.conv(network.input((1, 3, extent, extent)), channels, kernel, strides=(2, 2), relu=True)
    for squeezed in (POOL, *FIRES[version]):
        x = fire(network, x, squeezed) if squeezed else network.max_pool(x, (3, 3), strides=(2, 2))
    x = network.global_average_pool(network.conv(x, 1000, (1, 1), relu=True))
    return network.save(path, network.flatten(x))


@pytest.mark.parametrize("version", STEMS)
def test_its_arena_is_as_small_as_known(version: str, tmp_path: Path) -> None:
    board = load_board("nucleo-l4r5zi")
    graph = load_graph(squeezenet(version, 128, tmp_path / "squeezenet.onnx"))
    fused = replace(ALL, fused_pools=True)
    levers = (
        replace(ALL, in_place=False, overlap=False, concat_views=False),
        ALL,
        replace(fused, concat_views=False),
        fused,
    )
    plans = [generate_firmware(graph, board, BuildOptions(levers=each)).plan for each in levers]
    assert all(plan.proven for plan in plans[:2])
    for plan, known in zip(plans, ARENAS[version], strict=True):
        assert plan.arena_bytes <= known
    assert len(plans[-1].pitch_of_tensor) == 16
    assert not any("concat" in step for step in plans[-1].schedule)


@pytest.mark.slow
@pytest.mark.parametrize("concat_views", [False, True])
@pytest.mark.parametrize("version", STEMS)
def test_it_runs_so(version: str, *, concat_views: bool, tmp_path: Path) -> None:
    board = load_board("nucleo-l4r5zi")
    graph = load_graph(squeezenet(version, 128, tmp_path / "squeezenet.onnx"))
    source = generate_firmware(
        graph, board, BuildOptions(levers=replace(ALL, fused_pools=True, concat_views=concat_views))
    )
    built = build_model(LoweredModel(graph, board, source), find_toolchain(target_toolchains()[0]), tmp_path)
    inputs = random_inputs(graph, 1)
    found = measure(built, find_engine("unicorn"), inputs, 2_000_000_000)
    assert_same(graph, found.outputs, run_reference(graph, inputs))
    assert found.arena_bytes <= source.plan.arena_bytes
