"""Wraps an engine so that it does not run the same firmware twice."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu import costmodel
from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.timing.memory_system import KINDS
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.binary.isa import features
from sparse_mcu.simulation.cache.store import Store, content_key
from sparse_mcu.simulation.engines.protocol import Engine, RunRequest, RunResult, Verdict

DECIDING = (
    "costmodel/timing/memory_system/events.py",
    "costmodel/timing/profile.py",
    "costmodel/timing/thumb.py",
    "simulation/binary/*",
    "simulation/engines/**/*",
)
"""Our own code that decides the result of a run."""
_SOURCES = {".c", ".cs", ".py", ".toml"}


class CachedEngine:
    """Answers from the store if the same run was made before; see `engines.protocol.Engine`.

    A result follows from the firmware, the inputs, the core's name and features, the memories and caches, the engine
    and its version, and our own code around it (`DECIDING`). All of these make its key. Cycles are priced afterwards,
    so timing tables do not matter here. `RunResult.seconds` is the time that the original run took.

    Args:
        engine: The engine that makes the runs that are not known yet.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._store = Store("runs")
        self.name = engine.name

    @property
    def version(self) -> str:
        """The engine's version."""
        return self._engine.version

    def run(self, request: RunRequest) -> RunResult:
        """Looks the run up. If it is not known, runs it and keeps the result, unless the engine died.

        Raises:
            EngineError: See `Engine.run`.
        """
        key = _key(request, self._engine)
        if (parts := self._store.get(key)) is not None:
            return _from_parts(parts)
        result = self._engine.run(request)
        if result.verdict is not Verdict.ENGINE_DIED:
            self._store.put(key, _to_parts(result))
        return result

    def close(self) -> None:
        """Closes the engine."""
        self._engine.close()


def _key(request: RunRequest, engine: Engine) -> str:
    board = request.board
    regions = [(region.origin, region.size_bytes) for region in (board.flash, board.ram)]
    facts = (
        *(__version__, _own_code(), engine.name, engine.version, request.image.sha256),
        *(board.core.name, sorted(features(board.core)), regions),
        *(sorted(request.writes), sorted(request.reads.items())),
        *(request.phases, request.stop_address, request.budget_instructions, request.hierarchy),
    )
    return content_key(repr(facts), *(request.writes[address] for address in sorted(request.writes)))


@cache
def _own_code() -> str:
    """Returns a hash of `DECIDING`. A change of how runs are made, counted or judged leads to new runs."""
    root = Path(costmodel.__file__).parents[1]
    sources = sorted(path for pattern in DECIDING for path in root.glob(pattern) if path.suffix in _SOURCES)
    return content_key(*(part for path in sources for part in (str(path.relative_to(root)), path.read_bytes())))


def _to_parts(result: RunResult) -> dict[str, bytes]:
    profile = result.profile
    facts = {
        "verdict": result.verdict.value,
        "detail": result.detail,
        "code_start": profile.code_start,
        "phases": len(profile.executed),
        "stack_used_bytes": result.stack_used_bytes,
        "seconds": result.seconds,
        "engine": result.engine,
        "engine_version": result.engine_version,
    }
    memory = {f"memory/{name}": content for name, content in result.memory.items()}
    counts = {"executed": profile.executed.tobytes(), "taken": profile.taken.tobytes()}
    if profile.events is not None:
        places = np.flatnonzero(profile.events)  # few: most instructions never wait
        counts |= {"event_places": places.tobytes(), "event_counts": profile.events.ravel()[places].tobytes()}
    return {"facts": json.dumps(facts).encode(), **counts, **memory}


def _from_parts(parts: dict[str, bytes]) -> RunResult:
    facts = json.loads(parts["facts"])
    executed, taken = (
        np.frombuffer(parts[name], np.uint64).reshape(facts["phases"], -1).copy() for name in ("executed", "taken")
    )
    return RunResult(
        verdict=Verdict(facts["verdict"]),
        detail=facts["detail"],
        profile=Profile(facts["code_start"], executed, taken, _events(parts, executed.shape)),
        memory={name.removeprefix("memory/"): data for name, data in parts.items() if name.startswith("memory/")},
        stack_used_bytes=facts["stack_used_bytes"],
        seconds=facts["seconds"],
        engine=facts["engine"],
        engine_version=facts["engine_version"],
    )


def _events(parts: dict[str, bytes], shape: tuple[int, ...]) -> npt.NDArray[np.uint64] | None:
    if "event_places" not in parts:
        return None
    events = np.zeros((KINDS, *shape), np.uint64)
    events.ravel()[np.frombuffer(parts["event_places"], np.intp)] = np.frombuffer(parts["event_counts"], np.uint64)
    return events
