"""Engines that run an ELF on an emulated core."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Final, Self

from sparse_mcu.costmodel.errors import EngineError, suggestion
from sparse_mcu.simulation.engines.protocol import Engine, RunRequest

# An engine is loaded when it is asked for: hence the imports inside functions.


def _unicorn() -> Engine:
    from sparse_mcu.simulation.engines.unicorn import UnicornEngine  # noqa: PLC0415 - see above

    return UnicornEngine()


def _renode(*, renode: Path | None = None, profile: Path | None = None) -> Engine:
    from sparse_mcu.simulation.engines.renode import RenodeEngine, find_renode  # noqa: PLC0415 - see above

    return RenodeEngine(find_renode(renode), profiler=profile)


def _both(*, renode: Path | None = None, profile: Path | None = None) -> Engine:
    from sparse_mcu.simulation.engines.both import BothEngines  # noqa: PLC0415 - see above

    return BothEngines(_unicorn(), _renode(renode=renode, profile=profile))


ENGINES: Mapping[str, Callable[..., Engine]] = {"unicorn": _unicorn, "renode": _renode, "both": _both}
"""What makes each engine; its keyword arguments are the options that the engine has."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine by name, and what it is told; a value that crosses to other processes.

    Attributes:
        name: One of `ENGINES`; "both" runs Unicorn and Renode and compares them.
        options: Names and values of the engine's own options.
    """

    name: str = "unicorn"
    options: tuple[tuple[str, Path], ...] = ()

    @classmethod
    def of(cls, name: str = "unicorn", **options: Path | None) -> Self:
        """An engine and those of the options that are given.

        Args:
            name: See the class.
            **options: `renode`: the Renode program or folder; without it, the variable RENODE names it, or PATH has
                it. `profile`: where Renode leaves its own profile of the last run, as renode-colab-tools reads it.
        """
        return cls(name, tuple((key, value) for key, value in sorted(options.items()) if value is not None))

    def has(self, option: str) -> bool:
        """Whether the option is given."""
        return option in dict(self.options)


DEFAULT_ENGINE: Final = EngineChoice()


def find_engine(choice: EngineChoice | str) -> Engine:
    """The engine that is chosen, or that has the name.

    Raises:
        EngineError: There is none, it has no such option, or it is not installed.
    """
    chosen = EngineChoice(choice) if isinstance(choice, str) else choice
    if chosen.name not in ENGINES:
        raise EngineError(
            f"unknown engine {chosen.name!r}",
            where="engine",
            fix=f"There are: {', '.join(ENGINES)}.{suggestion(chosen.name, ENGINES)}",
        )
    known = _options(chosen.name)
    for option, value in chosen.options:
        if option not in known:
            others = [name for name in ENGINES if option in _options(name)]
            raise EngineError(
                f"{chosen.name} has no option {option!r}",
                where=str(value),
                fix=f"Take another engine: {' or '.join(others)}." if others else "Leave it out.",
            )
    return ENGINES[chosen.name](**dict(chosen.options))


def write_replay(request: RunRequest, folder: Path, instructions: int) -> Path:
    """Write a script for Renode that repeats a run; see `sparse_mcu.simulation.engines.renode.write_replay`."""
    from sparse_mcu.simulation.engines.renode import write_replay as write  # noqa: PLC0415 - see above

    return write(request, folder, instructions)


def _options(name: str) -> frozenset[str]:
    return frozenset(signature(ENGINES[name]).parameters)
