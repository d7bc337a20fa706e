"""Engines that run an ELF on an emulated core."""

from collections.abc import Callable, Mapping
from pathlib import Path

from sparse_mcu.costmodel.errors import EngineError, suggestion
from sparse_mcu.simulation.engines.protocol import Engine

# An engine is loaded when it is asked for: hence the imports inside functions.


def _unicorn(_renode: Path | None, profile: Path | None) -> Engine:
    from sparse_mcu.simulation.engines.unicorn import UnicornEngine  # noqa: PLC0415 - see above

    if profile is not None:
        raise EngineError("unicorn writes no profile", where=str(profile), fix="Add --engine renode.")
    return UnicornEngine()


def _renode(renode: Path | None, profile: Path | None) -> Engine:
    from sparse_mcu.simulation.engines.renode import RenodeEngine, find_renode  # noqa: PLC0415 - see above

    return RenodeEngine(find_renode(renode), profiler=profile)


def _both(renode: Path | None, profile: Path | None) -> Engine:
    from sparse_mcu.simulation.engines.both import BothEngines  # noqa: PLC0415 - see above

    return BothEngines(_unicorn(renode, None), _renode(renode, profile))


ENGINES: Mapping[str, Callable[[Path | None, Path | None], Engine]] = {
    "unicorn": _unicorn,
    "renode": _renode,
    "both": _both,
}


def find_engine(name: str, renode: Path | None = None, profile: Path | None = None) -> Engine:
    """The engine of that name.

    Args:
        name: One of `ENGINES`; "both" runs Unicorn and Renode and compares them.
        renode: The Renode program or folder; None looks at the variable RENODE, then on PATH.
        profile: Where Renode leaves its own profile of the last run, as renode-colab-tools reads it; None: nowhere.

    Raises:
        EngineError: There is none, it is not installed, or it writes no profile.
    """
    if name not in ENGINES:
        raise EngineError(
            f"unknown engine {name!r}",
            where="engine",
            fix=f"There are: {', '.join(ENGINES)}.{suggestion(name, ENGINES)}",
        )
    return ENGINES[name](renode, profile)
