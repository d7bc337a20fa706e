"""Turns a graph into C sources, with the kernels and the memory plan chosen on the way."""

from sparse_mcu.simulation.firmware.generate import generate_firmware, generate_like
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.firmware.source import Constant, FirmwareSource, Layer

__all__ = ["BuildOptions", "Constant", "FirmwareSource", "Layer", "generate_firmware", "generate_like"]
