"""Runs some images through the emulated firmware, to check that the integer reference answers for it."""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from sparse_mcu.costmodel.graph import encode_input, load_graph
from sparse_mcu.costmodel.records import Record
from sparse_mcu.search.data.dataset import Images
from sparse_mcu.simulation.execution.run import check_outputs
from sparse_mcu.simulation.execution.target import Target, Tools
from sparse_mcu.simulation.firmware.options import BuildOptions

IMAGES_TO_CHECK = 8


class SpotCheck(Record):
    """Says how many images were run on the emulated core, and for how many of them an output differed.

    Attributes:
        images: The number of images.
        differing: The number of images with an output that is not that of the integer reference.
        engine: The emulator.
    """

    images: Annotated[int, Field(ge=1)]
    differing: Annotated[int, Field(ge=0)]
    engine: str


def spot_check(path: Path, images: Images, target: Target, options: BuildOptions, tools: Tools) -> SpotCheck:
    """Runs images through a model's firmware, one after another, and compares every output with the reference.

    Args:
        path: The int8 model.
        images: float32 [n, channels, height, width] with n at least 1. The first IMAGES_TO_CHECK are run.
        target: The board and the emulator.
        options: How the firmware is made.
        tools: The compiler and the emulator that the target names, ready to use.
    """
    graph = load_graph(path)
    (source,) = graph.inputs
    inputs = [{source: encode_input(graph, source, image[np.newaxis])} for image in images[:IMAGES_TO_CHECK]]
    are_equal = check_outputs(path, target, options, inputs, tools=tools)
    return SpotCheck(images=len(inputs), differing=are_equal.count(False), engine=tools.engine.name)
