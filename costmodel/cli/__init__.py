"""The `sparse-mcu` command: its root group, what all commands share, and the command `boards`."""

from sparse_mcu.costmodel.cli.root import main

__all__ = ["main"]
