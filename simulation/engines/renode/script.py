"""Monitor commands: the same ones drive a run and make the script that replays it by hand."""

from collections.abc import Iterable, Mapping
from pathlib import Path

INSTRUCTIONS_PER_SECOND = 100_000_000  # of Renode's virtual time
_MIPS = INSTRUCTIONS_PER_SECOND // 1_000_000
_QUANTUM_SECONDS = "0.01"
_HALT = '"cpu.IsHalted = True"'


def path_token(path: Path | str) -> str:
    """A path as the monitor takes it."""
    return "@" + str(path).replace(" ", r"\ ")


def load_commands(platform: str, contents: Mapping[str, int], vectors: int, halts: Iterable[int]) -> list[str]:
    """From nothing to a machine ready to run.

    Args:
        platform: Path token of the .repl.
        contents: Path tokens of the files that fill memory, with their addresses, in order.
        vectors: Address of the vector table.
        halts: Addresses at which the core halts.
    """
    return [
        "using sysbus",  # Renode 1.15 knows no `cpu` without it
        'mach create "m"',
        f"machine LoadPlatformDescription {platform}",
        *(f"sysbus LoadBinary {file} {address:#010x}" for file, address in contents.items()),
        f"cpu VectorTableOffset {vectors:#010x}",
        f"cpu PerformanceInMips {_MIPS}",
        "emulation SetAdvanceImmediately true",
        f'emulation SetGlobalQuantum "{_QUANTUM_SECONDS}"',
        *(f"cpu AddHook {address:#010x} {_HALT}" for address in halts),
    ]


def run_command(instructions: int) -> str:
    """Run for at least so many instructions, and at most two microseconds' worth more.

    Renode reads the fraction as a float and cuts it off, at microseconds (1.15) or nanoseconds (1.16): half a
    microsecond keeps the float's error from taking one away.
    """
    microseconds = -(-instructions // _MIPS)
    return f'emulation RunFor "{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}5"'
