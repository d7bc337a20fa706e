"""From graph and memory plan to C sources."""

from sparse_mcu.simulation.firmware.generate import generate_firmware
from sparse_mcu.simulation.firmware.source import Constant, FirmwareSource, Layer

__all__ = ["Constant", "FirmwareSource", "Layer", "generate_firmware"]
