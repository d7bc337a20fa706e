"""What no engine runs: emulated cores execute more than real ones, so a run of it would prove nothing."""

from sparse_mcu.simulation.binary.image import describe_address, executable_code
from sparse_mcu.simulation.binary.isa import foreign_instructions
from sparse_mcu.simulation.engines.counting.counts import BlockCounts
from sparse_mcu.simulation.engines.protocol import RunRequest, RunResult, Verdict


def refused(request: RunRequest, engine: str, version: str) -> RunResult | None:
    """The result of firmware with instructions that the board's core does not have; None for all others.

    Args:
        request: What would be run.
        engine: Who would run it.
        version: Its version.
    """
    core = request.board.core
    foreign = foreign_instructions(request.image, core)
    if not foreign:
        return None
    start, code = executable_code(request.image)
    return RunResult(
        verdict=Verdict.ISA_VIOLATION,
        detail=f"{core.name} has no instruction as at {describe_address(request.image, foreign[0])}",
        profile=BlockCounts.empty(start, code, len(request.phases) + 1).profile(),
        memory=dict.fromkeys(request.reads, b""),
        stack_used_bytes=0,
        seconds=0.0,
        engine=engine,
        engine_version=version,
    )
