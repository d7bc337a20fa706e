"""Offers what all readers of Thumb code share: the length of an instruction, and a decoder."""

import capstone
import numpy as np
import numpy.typing as npt

FIRST_WIDE = 0b11101 << 11
"""The least first halfword of an instruction that has two halfwords (ARMv7-M ARM, A5.1)."""


def instruction_lengths(code: bytes) -> npt.NDArray[np.int64]:
    """Returns the length in halfwords (1 or 2) of the instruction that may begin at each halfword of `code`.

    An odd byte at the end is ignored. The last instruction may reach past the end of `code`.
    """
    first = np.frombuffer(code, "<u2", count=len(code) // 2)
    return np.where(first >= FIRST_WIDE, 2, 1)


def thumb_decoder(*, detail: bool = False, armv8: bool = False) -> capstone.Cs:
    """Returns a capstone decoder for the instructions of all Cortex-M cores.

    Args:
        detail: Whether decoded instructions know their operands. Decoding then takes ten times as long.
        armv8: Whether it knows the floating-point instructions that came with Armv8 (VSEL, VMAXNM, VRINT); in exchange
            it does not know those of coprocessors.
    """
    decoder = capstone.Cs(
        capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | (capstone.CS_MODE_V8 if armv8 else 0)
    )
    decoder.detail = detail
    return decoder
