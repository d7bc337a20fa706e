"""Thumb code, as far as all who read it agree: how long an instruction is, and who decodes it."""

import capstone
import numpy as np
import numpy.typing as npt

FIRST_WIDE = 0b11101 << 11
"""From here on a first halfword begins an instruction of two (ARMv7-M ARM, A5.1)."""


def instruction_lengths(code: bytes) -> npt.NDArray[np.int64]:
    """Halfwords (1 or 2) of the instruction at each halfword of `code`, if one begins there.

    An odd byte at the end is none. The last instruction may be longer than what is left.
    """
    first = np.frombuffer(code, "<u2", count=len(code) // 2)
    return np.where(first >= FIRST_WIDE, 2, 1)


def thumb_decoder(*, detail: bool = False) -> capstone.Cs:
    """Capstone for the instructions of all Cortex-M cores.

    Args:
        detail: Whether instructions tell their operands; it takes ten times as long.
    """
    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    decoder.detail = detail
    return decoder
