"""What a network costs on a microcontroller: graph, memory, flash, timing, devices."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("sparse-mcu")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+uninstalled"
