"""One byte of RAM less than planned fails loudly, wherever it is lost: plan, sources, firmware that runs, board."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sparse_mcu.benchmarks.kernels import LayerShape, graph_of
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import PlanError, ToolchainError
from sparse_mcu.costmodel.memory.checking.validator import check_placement
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.analysis.lowering import LoweredModel
from sparse_mcu.simulation.firmware import generate_firmware, generate_like
from sparse_mcu.simulation.firmware.source import FirmwareSource
from sparse_mcu.simulation.toolchain.protocol import Toolchain

BOARD = load_board("nucleo-l4r5zi")
GRAPH = graph_of(LayerShape(6, 6, 2, 4, (2, 2), 2))


def smaller(source: FirmwareSource) -> FirmwareSource:
    """The same with a plan whose arena is one byte lower, nothing else moved."""
    return replace(source, plan=replace(source.plan, arena_bytes=source.plan.arena_bytes - 1))


def test_the_plan_is_refused() -> None:
    plan = smaller(generate_firmware(GRAPH, BOARD)).plan
    with pytest.raises(PlanError, match="outside the arena"):
        check_placement(plan.buffers, plan.offsets, plan.arena_bytes, plan.overlaps)


@pytest.mark.parametrize(("claims", "links"), [(lambda s: s, smaller), (smaller, lambda s: s)])
def test_firmware_that_is_not_as_planned_is_refused(
    claims: Callable[[FirmwareSource], FirmwareSource],
    links: Callable[[FirmwareSource], FirmwareSource],
    toolchain: Toolchain,
    tmp_path: Path,
) -> None:
    """The arena of the compiled sources is one byte smaller or larger than the plan that is reported."""
    source = generate_firmware(GRAPH, BOARD)
    compiled = generate_like(GRAPH, BOARD, links(source))
    assert f"#define MODEL_ARENA_BYTES {links(source).plan.arena_bytes}\n" in compiled.files["model.h"]
    told = replace(claims(source), files=compiled.files)
    with pytest.raises(ToolchainError, match=r"section \.arena was predicted to take"):
        build_model(LoweredModel(GRAPH, BOARD, told), toolchain, tmp_path)


def test_a_board_with_a_byte_less_does_not_fit(toolchain: Toolchain, tmp_path: Path) -> None:
    """The least RAM that fits, and one byte less."""
    source = generate_firmware(GRAPH, BOARD)
    needed = build_model(LoweredModel(GRAPH, BOARD, source), toolchain, tmp_path).ram.total_bytes
    assert needed
    for missing, shortfalls in ((0, []), (1, [("ram", 1)])):
        board = replace(BOARD, ram=replace(BOARD.ram, size_bytes=needed - missing))
        built = build_model(LoweredModel(GRAPH, board, source), toolchain, tmp_path)
        assert [(each.memory, each.excess_bytes) for each in built.shortfalls] == shortfalls
