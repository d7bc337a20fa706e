"""Computes the classes that a board would answer, by the integer reference. The firmware equals it bit for bit."""

import numpy as np

from sparse_mcu.costmodel.graph import Graph, encode_batch
from sparse_mcu.search.data.dataset import Images, Labels
from sparse_mcu.simulation.reference import run_batch

_IMAGES_AT_A_TIME = 256


def board_classes(graph: Graph, images: Images) -> Labels:
    """Returns the class that the model gives to each image on a board.

    The class is the index of the largest int8 logit. The first one counts if several are equal.

    Args:
        graph: A lowered model with one input [1, channels, height, width] and one output [1, classes].
        images: float32 [n, channels, height, width] with n at least 1; the model's input quantisation is applied.

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
