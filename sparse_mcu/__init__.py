"""Tells what a neural network costs on a microcontroller, without hardware."""

from sparse_mcu.costmodel import __version__

__all__ = ["__version__"]
