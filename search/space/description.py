"""Writes a configuration as one line of text."""

from sparse_mcu.search.space.configuration import Configuration

_SHORT = {"conv": "conv", "separable": "sep", "downsampled": "down", "none": "", "max": "/max", "stride": "/2"}


def describe(configuration: Configuration) -> str:
    """A configuration in a line: "pool2 conv-3x8/max sep-5x16 avg 32 dense"."""
    parts = [f"pool{configuration.input_pooling}"] if configuration.input_pooling > 1 else []
    for block in configuration.blocks:
        squeeze = f"{block.squeeze}" if block.squeeze else ""
        parts.append(f"{_SHORT[block.operator]}{squeeze}-{block.kernel}x{block.channels}{_SHORT[block.reduction]}")
    parts += ["avg"] if configuration.head == "average" else []
    return " ".join([*parts, *map(str, configuration.hidden), "dense"])
