"""From graph and memory plan to C sources."""

from sparse_mcu.simulation.firmware.generate import generate_firmware, generate_like
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.firmware.source import Constant, FirmwareSource, Layer

__all__ = ["BuildOptions", "Constant", "FirmwareSource", "Layer", "generate_firmware", "generate_like"]
