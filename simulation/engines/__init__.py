"""Engines that run an ELF on an emulated core."""

import difflib
from collections.abc import Callable, Mapping

from costmodel.errors import EngineError
from simulation.engines.protocol import Engine


def _unicorn() -> Engine:
    from simulation.engines.unicorn import UnicornEngine  # noqa: PLC0415 - an engine is loaded when it is asked for

    return UnicornEngine()


ENGINES: Mapping[str, Callable[[], Engine]] = {"unicorn": _unicorn}


def find_engine(name: str) -> Engine:
    """The engine of that name.

    Raises:
        EngineError: There is none, or it is not installed.
    """
    if name not in ENGINES:
        near = difflib.get_close_matches(name, ENGINES, n=1, cutoff=0.0)
        raise EngineError(
            f"unknown engine {name!r}",
            where="engine",
            fix=f"Did you mean {near[0]!r}? There are: {', '.join(ENGINES)}.",
        )
    return ENGINES[name]()
