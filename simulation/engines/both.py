"""Runs firmware in two engines, and requires that both runs are the same to the instruction."""

from collections.abc import Iterator

import numpy as np

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.binary.image import describe_address
from sparse_mcu.simulation.engines.protocol import Engine, RunRequest, RunResult, Verdict


class BothEngines:
    """Runs firmware in two engines and returns the first one's result; see `engines.protocol.Engine`.

    Args:
        first: The engine whose results are returned.
        second: The engine that must agree.
    """

    def __init__(self, first: Engine, second: Engine) -> None:
        self._engines = first, second
        self.name = f"{first.name}+{second.name}"

    @property
    def version(self) -> str:
        """Both versions."""
        return "+".join(engine.version for engine in self._engines)

    def run(self, request: RunRequest) -> RunResult:
        """Runs in both engines and compares their verdicts. Of finished runs it also compares counts, memory and stack.

        Raises:
            EngineError: An engine cannot be started, or the two differ. The message says where they first differ.
        """
        first, second = (engine.run(request) for engine in self._engines)
        if difference := next(_differences(request, first, second), None):
            names = " and ".join(f"{result.engine} {result.engine_version}" for result in (first, second))
            raise EngineError(
                f"{names} differ: {difference}",
                where=request.image.path.name,
                fix="This is a defect of sparse-mcu or of an engine: please report it with the model.",
            )
        return RunResult(
            verdict=first.verdict,
            detail=first.detail,
            profile=first.profile,
            memory=first.memory,
            stack_used_bytes=first.stack_used_bytes,
            seconds=first.seconds + second.seconds,
            engine=self.name,
            engine_version=f"{first.engine_version}+{second.engine_version}",
        )

    def close(self) -> None:
        """Closes both."""
        for engine in self._engines:
            engine.close()


def _differences(request: RunRequest, first: RunResult, second: RunResult) -> Iterator[str]:
    """Yields what differs, the most telling first. If the run did not finish, only the verdicts are compared."""
    if first.verdict is not second.verdict:
        told = (
            f"{result.verdict.value} ({result.detail})" if result.detail else result.verdict.value
            for result in (first, second)
        )
        yield "verdict " + " against ".join(told)
    if Verdict.FINISHED not in {first.verdict, second.verdict}:
        return
    for what in ("executed", "taken"):
        ours, theirs = getattr(first.profile, what), getattr(second.profile, what)
        for phase, halfword in np.argwhere(ours != theirs)[:1].tolist():
            place = describe_address(request.image, first.profile.code_start + 2 * halfword)
            yield f"{place} was {what} {ours[phase, halfword]} against {theirs[phase, halfword]} times in phase {phase}"
    for name, content in first.memory.items():
        if content != second.memory[name]:
            yield f"memory {name!r} holds other bytes"
    if first.stack_used_bytes != second.stack_used_bytes:
        yield f"stack {first.stack_used_bytes} against {second.stack_used_bytes} bytes"
