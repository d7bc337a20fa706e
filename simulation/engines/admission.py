"""Refuses firmware that the board's core could not run.

Emulated cores execute more instructions than the real ones, so a run of such firmware would prove nothing.
"""

from sparse_mcu.simulation.binary.image import describe_address, executable_code
from sparse_mcu.simulation.binary.isa import foreign_instructions
from sparse_mcu.simulation.engines.counting.counts import BlockCounts
from sparse_mcu.simulation.engines.protocol import RunRequest, RunResult, Verdict


def refused(request: RunRequest, engine: str, version: str) -> RunResult | None:
    """Returns a result for firmware with instructions that the board's core does not have; None for other firmware.

    Args:
        request: The run that was asked for.
        engine: Name of the engine.
        version: Version of the engine.
    """
    core = request.board.core
    foreign = foreign_instructions(request.image, core)
    if not foreign:
        return None
    start, code = executable_code(request.image)
    return RunResult(
        verdict=Verdict.ISA_VIOLATION,
        detail=f"{core.name} does not have the instruction at {describe_address(request.image, foreign[0])}",
        profile=BlockCounts.empty(start, code, len(request.phases) + 1).profile(),
        memory=dict.fromkeys(request.reads, b""),
        stack_used_bytes=0,
        seconds=0.0,
        engine=engine,
        engine_version=version,
    )
