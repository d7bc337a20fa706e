"""What a neural network costs on a microcontroller, without hardware: the public API.

    import sparse_mcu

    report = sparse_mcu.simulate("model.onnx", "nucleo-l4r5zi")
    print(report.cycles.total, report.ram.total_bytes, report.flash.total_bytes)

A model is the path of an int8 QDQ ONNX file or an `onnx.ModelProto`; a board is a name, the path of a board file, or a
`Board`. The functions answer with the records that the commands write as JSON, print nothing, and may be called from
any thread and from processes of a pool. What they need is imported when it is asked for first.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.errors import (
    DataFileError,
    EngineError,
    InstructionSetError,
    MissingExtraError,
    ModelError,
    PlanError,
    SparseMcuError,
    ToolchainError,
    UnknownBoardError,
    UnknownInstructionError,
    UnsupportedOperatorError,
    UnsupportedQuantizationError,
)

if TYPE_CHECKING:
    from sparse_mcu.costmodel.api import boards
    from sparse_mcu.costmodel.devices import load_board
    from sparse_mcu.costmodel.devices.types import Board
    from sparse_mcu.costmodel.memory.model.levers import Levers
    from sparse_mcu.costmodel.report import AnalysisReport, BoardsReport, SimulationReport
    from sparse_mcu.simulation.api import analyze, export, simulate
    from sparse_mcu.simulation.engines import EngineChoice
    from sparse_mcu.simulation.firmware.options import BuildOptions

__all__ = [
    "AnalysisReport",
    "Board",
    "BoardsReport",
    "BuildOptions",
    "DataFileError",
    "EngineChoice",
    "EngineError",
    "InstructionSetError",
    "Levers",
    "MissingExtraError",
    "ModelError",
    "PlanError",
    "SimulationReport",
    "SparseMcuError",
    "ToolchainError",
    "UnknownBoardError",
    "UnknownInstructionError",
    "UnsupportedOperatorError",
    "UnsupportedQuantizationError",
    "__version__",
    "analyze",
    "boards",
    "export",
    "load_board",
    "simulate",
]

_PLACES = {
    "AnalysisReport": "costmodel.report",
    "Board": "costmodel.devices.types",
    "BoardsReport": "costmodel.report",
    "BuildOptions": "simulation.firmware.options",
    "EngineChoice": "simulation.engines",
    "Levers": "costmodel.memory.model.levers",
    "SimulationReport": "costmodel.report",
    "analyze": "simulation.api",
    "boards": "costmodel.api",
    "export": "simulation.api",
    "load_board": "costmodel.devices",
    "simulate": "simulation.api",
}
"""Where that lies which takes long to import."""


def __getattr__(name: str) -> object:
    """Import a part of the API when it is asked for first."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The API, imported or not."""
    return sorted({*globals(), *__all__})
