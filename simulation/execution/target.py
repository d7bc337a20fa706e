"""Describes where a model runs, as a value, and finds the tools that the value names."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.report import ToolInfo
from sparse_mcu.simulation.engines import DEFAULT_ENGINE, EngineChoice, find_engine
from sparse_mcu.simulation.engines.protocol import Engine
from sparse_mcu.simulation.toolchain import find_toolchain
from sparse_mcu.simulation.toolchain.protocol import Toolchain


@dataclass(frozen=True, slots=True)
class Tools:
    """Holds a compiler and an engine that were found. In a `with` statement, the engine is closed at its end."""

    toolchain: Toolchain
    engine: Engine

    @property
    def infos(self) -> tuple[ToolInfo, ToolInfo]:
        """Returns the names and versions of the compiler and of the engine, as reports have them."""
        toolchain, engine = (ToolInfo(name=each.name, version=each.version) for each in (self.toolchain, self.engine))
        return toolchain, engine

    def __enter__(self) -> Self:
        """Returns the tools."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends what the engine started."""
        self.engine.close()


@dataclass(frozen=True, slots=True)
class Target:
    """Tells where a model runs. It holds names instead of tools, so it can be sent to other processes.

    Attributes:
        board: The board.
        toolchain: Name of the compiler; None for the best that is installed.
        engine: The engine and its options.
        is_cached: Whether objects and runs may come from the cache and go there.
    """

    board: Board
    toolchain: str | None = None
    engine: EngineChoice = DEFAULT_ENGINE
    is_cached: bool = True

    def tools(self) -> Tools:
        """Finds the compiler and the engine.

        Raises:
            ToolchainError: The compiler is unknown or not installed.
            EngineError: The engine is unknown, not installed, or has no such option.
        """
        engine = find_engine(self.engine)
        return Tools(find_toolchain(self.toolchain), engine)
