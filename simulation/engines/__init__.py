"""Finds the engines that run an ELF on an emulated core."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Final, Self

import numpy as np

from sparse_mcu.costmodel.errors import EngineError, suggestion
from sparse_mcu.simulation.engines.protocol import Engine, RunRequest, RunResult, Verdict

# An engine is loaded only when it is asked for. That is why the imports are inside functions.


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
"""Engine name -> the function that makes it. The function's keyword arguments are the engine's options."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """Names an engine and its options. It is a value, so it can be sent to other processes.

    Attributes:
        name: One of `ENGINES`. "both" runs Unicorn and Renode and compares them.
        options: Names and values of the engine's own options.
    """

    name: str = "unicorn"
    options: tuple[tuple[str, Path], ...] = ()

    @classmethod
    def of(cls, name: str = "unicorn", **options: Path | None) -> Self:
        """Returns the choice of an engine with those of the options that are not None.

        Args:
            name: See the class.
            **options: `renode` is the Renode program or folder; without it, the variable RENODE or PATH names it.
                `profile` is a file for Renode's own profile of the last run, as renode-colab-tools reads it.
        """
        return cls(name, tuple((key, value) for key, value in sorted(options.items()) if value is not None))

    def has(self, option: str) -> bool:
        """Whether the option is given."""
        return option in dict(self.options)


DEFAULT_ENGINE: Final = EngineChoice()


def find_engine(choice: EngineChoice | str) -> Engine:
    """Returns the chosen engine, or the engine of that name.

    Raises:
        EngineError: The engine is unknown or not installed, or has no such option.
    """
    chosen = EngineChoice(choice) if isinstance(choice, str) else choice
    if chosen.name not in ENGINES:
        raise EngineError(
            f"unknown engine {chosen.name!r}",
            where="engine",
            fix=f"Choose one of: {', '.join(ENGINES)}.{suggestion(chosen.name, ENGINES)}",
        )
    known = _options(chosen.name)
    for option, value in chosen.options:
        if option not in known:
            others = [name for name in ENGINES if option in _options(name)]
            raise EngineError(
                f"{chosen.name} has no option {option!r}",
                where=str(value),
                fix=f"Use another engine: {' or '.join(others)}." if others else "Leave the option out.",
            )
    return ENGINES[chosen.name](**dict(chosen.options))


def with_events(result: RunResult, request: RunRequest) -> RunResult:
    """Returns a result with the events that its request asks for.

    Renode has no memory system. So the embedded engine replays the run, and its events count if both executed the same
    instructions.

    Args:
        result: What an engine answered.
        request: What it was asked.

    Raises:
        EngineError: The replay executed other instructions.
    """
    if request.hierarchy is None or result.profile.events is not None or result.verdict is not Verdict.FINISHED:
        return result
    replay = _unicorn().run(request)
    same = (
        np.array_equal(getattr(replay.profile, what), getattr(result.profile, what)) for what in ("executed", "taken")
    )
    if replay.profile.events is None or not all(same):
        raise EngineError(
            f"{replay.engine} executed other instructions than {result.engine}, so that the memories are unknown",
            where=request.image.path.name,
            fix="Use --memory zero-wait-states, and report it with the model.",
        )
    return replace(result, profile=result.profile.with_events(replay.profile.events))


def write_replay(request: RunRequest, folder: Path, instructions: int) -> Path:
    """Writes a Renode script that repeats a run; see `sparse_mcu.simulation.engines.renode.write_replay`."""
    from sparse_mcu.simulation.engines.renode import write_replay as write  # noqa: PLC0415 - see above

    return write(request, folder, instructions)


def _options(name: str) -> frozenset[str]:
    return frozenset(signature(ENGINES[name]).parameters)
