"""Answers `analyze`: finds a model's exact RAM and flash on a board."""

from dataclasses import dataclass, replace
from pathlib import Path

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.devices.types import Board, MemoryRegion
from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph import Model, load_graph
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.costmodel.report import (
    AnalysisReport,
    FlashReport,
    RamReport,
    Shortfall,
    ToolInfo,
)
from sparse_mcu.simulation.analysis import accounting
from sparse_mcu.simulation.analysis.explanation import explained
from sparse_mcu.simulation.analysis.lowering import LoweredModel, lower_model
from sparse_mcu.simulation.analysis.prediction import predict_cycles
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.firmware.choice.planning import choose_and_plan
from sparse_mcu.simulation.firmware.generate import linker_script
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions
from sparse_mcu.simulation.toolchain.build import SCRIPT_NAME, build_firmware
from sparse_mcu.simulation.toolchain.protocol import Toolchain

_ROOM_BYTES = 2**27


@dataclass(frozen=True, slots=True, eq=False)
class BuiltModel:
    """Holds a lowered and linked model. Its byte accounts equal the ELF."""

    lowered: LoweredModel
    image: FirmwareImage
    ram: RamReport
    flash: FlashReport
    shortfalls: list[Shortfall]

    @property
    def fits(self) -> bool:
        """Whether the board's memories hold it."""
        return not self.shortfalls

    @property
    def toolchain(self) -> ToolInfo:
        """The compiler, for reports."""
        return ToolInfo(name=self.image.toolchain, version=self.image.toolchain_version)


def build_model(lowered: LoweredModel, toolchain: Toolchain, directory: Path, *, is_cached: bool = True) -> BuiltModel:
    """Compiles and links `lowered` into `directory`, and accounts for every byte.

    It links for a board with larger memories, so a model that is too large for its own board still gets exact figures.
    No address changes by that, because both memories fill from their origin.

    Args:
        lowered: The model.
        toolchain: The compiler.
        directory: Where the sources and the ELF go.
        is_cached: Whether objects may come from the cache and go there.

    Raises:
        ToolchainError: The compiler failed, or a section differs from its prediction.
    """
    board, source = lowered.board, lowered.source
    files = {**source.files, SCRIPT_NAME: linker_script(roomy(board))}
    image = build_firmware(files, board, directory, toolchain, is_cached=is_cached)
    accounting.check_prediction(source, image, board)
    ram, flash = accounting.linked_ram(image, board), accounting.linked_flash(image, board)
    return BuiltModel(lowered, image, ram, flash, accounting.shortfalls(source, ram, flash))


def analyze_model(
    model: Model,
    board: Board,
    options: BuildOptions = DEFAULTS,
    *,
    toolchain: Toolchain | None,
    directory: Path,
    explain: bool = False,
) -> AnalysisReport:
    """Finds the exact RAM and flash of a model on a board.

    It calls `lower_model` and `analyze_lowered` with their arguments.
    """
    lowered = lower_model(model, board, options)
    return analyze_lowered(lowered, model, toolchain=toolchain, directory=directory, explain=explain)


def analyze_lowered(
    lowered: LoweredModel, model: Model, *, toolchain: Toolchain | None, directory: Path, explain: bool = False
) -> AnalysisReport:
    """Finds the exact RAM and flash of a model that was lowered for a board.

    Args:
        lowered: The model.
        model: What it was lowered from. Some levers must read it again.
        toolchain: The compiler to link with; None leaves out code and stack, and with them the totals.
        directory: Where the build goes.
        explain: Whether to tell which buffers conflict and what each lever saves. If RAM is too small, this is told
            anyway.

    Raises:
        ToolchainError: The compiler failed.
    """
    report = report_of(build_model(lowered, toolchain, directory)) if toolchain else _report_unbuilt(lowered)
    if not explain and all(missing.memory != "ram" for missing in report.shortfalls):
        return report
    board, options, source = lowered.board, lowered.options, lowered.source

    def arena_of(others: Levers) -> int:
        same = others == options.levers
        return (source if same else lower_model(model, board, replace(options, levers=others)).source).plan.arena_bytes

    def kept_of(others: Levers) -> int | None:
        graph = load_graph(model, pads_folded=others.folded_pads)
        try:
            changed = replace(options, levers=others)
            kept = choose_and_plan(graph, board.core, changed, source.kernels, else_any=True)
        except UnsupportedOperatorError:
            return None
        return kept[1].arena_bytes

    memory = explained(report.memory, source.plan, report.ram, options.levers, arena_of, kept_of)
    return report.model_copy(update={"memory": memory})


def report_of(built: BuiltModel) -> AnalysisReport:
    """Returns the report of a linked model."""
    return _report(built.lowered, built.toolchain, built.ram, built.flash, built.shortfalls)


def _report_unbuilt(lowered: LoweredModel) -> AnalysisReport:
    """Returns the report of what is known without a compiler."""
    ram = accounting.predicted_ram(lowered.source, lowered.board)
    flash = accounting.predicted_flash(lowered.source, lowered.board)
    return _report(lowered, None, ram, flash, accounting.shortfalls(lowered.source, ram, flash))


def roomy(board: Board) -> Board:
    """Returns `board` with memories that no admitted model fills. Their origins stay."""

    def widen(region: MemoryRegion) -> MemoryRegion:
        return replace(region, size_bytes=max(region.size_bytes, _ROOM_BYTES))

    return replace(board, flash=widen(board.flash), ram=widen(board.ram))


def _report(
    lowered: LoweredModel,
    toolchain: ToolInfo | None,
    ram: RamReport,
    flash: FlashReport,
    missing: list[Shortfall],
) -> AnalysisReport:
    undecided = toolchain is None and not missing
    return AnalysisReport(
        project_version=__version__,
        model=lowered.info,
        board=lowered.board.name,
        core=lowered.board.core.name,
        toolchain=toolchain,
        ram=ram,
        flash=flash,
        memory=lowered.memory,
        fits=None if undecided else not missing,
        cycles=predict_cycles(lowered.graph, lowered.board.core, lowered.source),
        shortfalls=missing,
    )
