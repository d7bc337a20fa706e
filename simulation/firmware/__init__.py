"""From graph and memory plan to C sources."""

from simulation.firmware.generate import generate_firmware
from simulation.firmware.source import Constant, FirmwareSource, Layer

__all__ = ["Constant", "FirmwareSource", "Layer", "generate_firmware"]
