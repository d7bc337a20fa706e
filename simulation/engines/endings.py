"""Recognises endings of runs that every engine sees in the same way."""

from sparse_mcu.simulation.binary.image import FirmwareImage, describe_address
from sparse_mcu.simulation.engines.protocol import Verdict

_SLEEPS = {0xBF20: "wfe", 0xBF30: "wfi"}


def asleep(image: FirmwareImage, halfword: int, address: int) -> tuple[Verdict, str] | None:
    """Recognises a core that waits for an event or an interrupt. None ever comes.

    Args:
        image: The firmware.
        halfword: The last instruction.
        address: Where it lies.

    Returns:
        Verdict and detail; None if that instruction does not put the core to sleep.
    """
    sleep = _SLEEPS.get(halfword)
    if sleep is None:
        return None
    return Verdict.BUDGET_EXCEEDED, f"asleep in {sleep} at {describe_address(image, address)}; nothing wakes the core"
