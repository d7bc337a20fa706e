"""Monitor commands: the same ones drive a run and make the script that replays it by hand."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from sparse_mcu.costmodel.errors import EngineError

INSTRUCTIONS_PER_SECOND = 100_000_000  # of Renode's virtual time
_MIPS = INSTRUCTIONS_PER_SECOND // 1_000_000
_QUANTUM_SECONDS = "0.01"
_HALT = '"cpu.IsHalted = True"'
RELEASE = "cpu IsHalted false"
"""Lets a halted core go on."""
_UNSAYABLE = re.compile(r"""["'`;\\]|[^ -~]""")


def path_token(path: Path) -> str:
    """A path as the monitor takes it.

    Raises:
        EngineError: The monitor's grammar has no way to say it.
    """
    return "@" + _sayable(path).replace(" ", r"\ ")


def path_text(path: Path) -> str:
    """A path as text in quotation marks, as our own commands take it.

    Raises:
        EngineError: The monitor's grammar has no way to say it.
    """
    return f'"{_sayable(path)}"'


def _sayable(path: Path) -> str:
    """The path, if it ends no command and no quotation, and is read as it is typed.

    In Renode's tokenizer a path ends at `;` and at any space but an escaped one, and a text at `"`; a backslash
    begins an escape; and what is typed into a pipe is taken for bytes.
    """
    text = str(path)
    if _UNSAYABLE.search(text):
        raise EngineError(
            f"Renode's monitor cannot be told the path {text!r}",
            where="renode",
            fix="Use a folder (TMPDIR for temporary files) whose path has only ASCII letters, digits, spaces and "
            "punctuation other than quotation marks, backquotes, semicolons and backslashes.",
        )
    return text


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


def again_commands(ram: str, address: int, vectors: int) -> list[str]:
    """From a machine that has run to one that is ready to run again, but for `RELEASE`.

    Args:
        ram: Path token of the file that fills all of RAM.
        address: Where RAM lies.
        vectors: Address of the vector table.
    """
    return [
        "machine Reset",
        f"sysbus LoadBinary {ram} {address:#010x}",
        f"cpu VectorTableOffset {vectors:#010x}",
    ]


def run_command(instructions: int) -> str:
    """Run for at least so many instructions, and at most two microseconds' worth more.

    Renode reads the fraction as a float and cuts it off, at microseconds (1.15) or nanoseconds (1.16): half a
    microsecond keeps the float's error from taking one away.
    """
    microseconds = -(-instructions // _MIPS)
    return f'emulation RunFor "{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}5"'
