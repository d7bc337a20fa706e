"""Where a model runs, as a value, and the tools that the value names."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.simulation.engines import DEFAULT_ENGINE, EngineChoice, find_engine
from sparse_mcu.simulation.engines.protocol import Engine
from sparse_mcu.simulation.toolchain import find_toolchain
from sparse_mcu.simulation.toolchain.protocol import Toolchain


@dataclass(frozen=True, slots=True)
class Tools:
    """A compiler and an engine that were found; in a `with` statement, the engine is closed at its end."""

    toolchain: Toolchain
    engine: Engine

    def __enter__(self) -> Self:
        """Themselves."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End what the engine started."""
        self.engine.close()


@dataclass(frozen=True, slots=True)
class Target:
    """Where a model runs: it holds names, so that it crosses to other processes.

    Attributes:
        board: The board.
        toolchain: Name of the compiler; None for the best that is installed.
        engine: The engine, and what it is told.
        is_cached: Whether objects and runs may come from the cache and go there.
    """

    board: Board
    toolchain: str | None = None
    engine: EngineChoice = DEFAULT_ENGINE
    is_cached: bool = True

    def tools(self) -> Tools:
        """The compiler and the engine.

        Raises:
            ToolchainError: The compiler is unknown or not installed.
            EngineError: The engine is unknown, not installed, or has no such option.
        """
        engine = find_engine(self.engine)
        return Tools(find_toolchain(self.toolchain), engine)
