"""`analyze`: exact bytes, with and without a compiler."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qdq import QdqNetwork
from small_networks import lowered_network

from sparse_mcu.benchmarks.networks import NETWORKS, write_network
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.costmodel.memory.model.levers import ALL
from sparse_mcu.simulation.analysis.analysis import analyze_model, build_model, roomy
from sparse_mcu.simulation.analysis.lowering import lower_model
from sparse_mcu.simulation.firmware.choice.planning import choose_and_plan
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.toolchain import find_toolchain


@pytest.mark.parametrize("network", NETWORKS)
def test_what_is_known_without_a_compiler_equals_the_elf(tmp_path: Path, network: str) -> None:
    model, board = write_network(network, tmp_path), load_board("microbit")
    known = analyze_model(model, board, toolchain=None, directory=tmp_path)
    linked = analyze_model(model, board, toolchain=find_toolchain("zig"), directory=tmp_path)
    assert known.memory == linked.memory
    assert known.ram.arena_bytes == linked.ram.arena_bytes
    assert known.ram.static_bytes == linked.ram.static_bytes
    for item in ("weights_bytes", "constants_bytes", "vectors_bytes"):
        assert getattr(known.flash, item) == getattr(linked.flash, item)
    assert (known.fits, known.ram.total_bytes, known.flash.code_bytes, known.toolchain) == (None, None, None, None)
    assert linked.fits


@pytest.mark.parametrize("network", NETWORKS)
def test_totals_are_the_sums_of_their_items(tmp_path: Path, network: str) -> None:
    model = write_network(network, tmp_path)
    report = analyze_model(model, load_board("bluepill"), toolchain=find_toolchain("zig"), directory=tmp_path)
    ram, flash = report.ram, report.flash
    assert ram.total_bytes == ram.arena_bytes + ram.static_bytes + (ram.stack_bytes or 0) + ram.padding_bytes
    items = [flash.code_bytes, flash.weights_bytes, flash.constants_bytes, flash.vectors_bytes, flash.data_bytes]
    assert flash.total_bytes == sum(item or 0 for item in items) + flash.padding_bytes


def test_a_pad_that_streams_do_better_with_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    network, streamed = QdqNetwork(np.random.default_rng(1)), replace(ALL, streaming=True)
    padded = network.pad(network.input((1, 6, 24, 4)), (0, 0, 1, 1, 0, 0, 1, 1))
    wide = network.conv(padded, 6, (3, 3))
    model = network.save(tmp_path / "model.onnx", network.concat([wide, wide], 1))
    board = load_board("nucleo-l4r5zi")
    folded = choose_and_plan(load_graph(model), board.core, BuildOptions("speed", streamed))[1]
    unfolded = lower_model(model, board, BuildOptions("speed", replace(streamed, folded_pads=False))).source.plan
    with caplog.at_level(logging.DEBUG, logger="sparse_mcu.simulation.analysis"):
        lowered = lower_model(model, board, BuildOptions("speed", streamed))
    assert lowered.source.plan.arena_bytes == unfolded.arena_bytes
    assert unfolded.arena_bytes < folded.arena_bytes
    (line,) = caplog.messages
    assert f"{folded.arena_bytes} bytes with folded pads, {unfolded.arena_bytes} with unfolded" in line


def test_the_arena_is_proven(tmp_path: Path) -> None:
    report = analyze_model(
        write_network("branched", tmp_path), load_board("microbit"), toolchain=None, directory=tmp_path
    )
    assert report.memory.proven
    assert report.ram.arena_bytes == report.memory.lower_bound_bytes
    assert max(p.offset_bytes + p.size_bytes for p in report.memory.placement) == report.ram.arena_bytes


def test_room_changes_no_byte(tmp_path: Path) -> None:
    """The link of a model that fits is the same on its board as with room."""
    board, toolchain = load_board("microbit"), find_toolchain("zig")
    lowered = lowered_network("plain", board.name)
    with_room = build_model(lowered, toolchain, tmp_path / "a").image
    assert roomy(board).ram.origin == board.ram.origin
    from sparse_mcu.simulation.toolchain.build import build_firmware  # noqa: PLC0415 - only this test links by hand

    exact = build_firmware(lowered.source.files, board, tmp_path / "b", toolchain)
    assert {name: s.data for name, s in exact.sections.items()} == {
        name: s.data for name, s in with_room.sections.items()
    }
