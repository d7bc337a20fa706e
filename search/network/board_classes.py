"""The classes that the board gives: those of the integer reference, which the firmware equals bit for bit."""

import numpy as np

from sparse_mcu.costmodel.graph import Graph, encode_batch
from sparse_mcu.search.data.dataset import Images, Labels
from sparse_mcu.simulation.reference import run_batch

_IMAGES_AT_A_TIME = 256


def board_classes(graph: Graph, images: Images) -> Labels:
    """The class that the model gives each image on a board.

    It is the place of the largest int8 logit; of equal ones, the first.

    Args:
        graph: A lowered model with one input [1, channels, height, width] and one output [1, classes].
        images: float32 [n, channels, height, width], n at least 1; quantised as the model's first node says.

    Returns:
        int64 [n].

    Raises:
        ModelError: The images do not suit the model.
    """
    (source,), (sink,) = graph.inputs, graph.outputs
    parts = [images[first : first + _IMAGES_AT_A_TIME] for first in range(0, len(images), _IMAGES_AT_A_TIME)]
    codes = (encode_batch(graph, source, part[:, np.newaxis]) for part in parts)
    logits = [run_batch(graph, {source: each})[sink] for each in codes]
    classes: Labels = np.concatenate(logits).reshape(len(images), -1).argmax(axis=1)
    return classes
