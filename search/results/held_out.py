"""Measures the error of a network on the test images, which no search sees."""

from math import sqrt
from typing import Annotated, Self

import numpy as np
from pydantic import Field

from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import Fidelity
from sparse_mcu.search.data.dataset import Split
from sparse_mcu.search.network.board_classes import board_classes


class HeldOutError(Record):
    """The error of a network on images that chose nothing.

    Attributes:
        value: The share of wrong classes, by the integer reference.
        standard_error: The standard error of that share.
        images: The number of test images.
        fidelity: How the classes were computed.
    """

    value: Annotated[float, Field(ge=0, le=1)]
    standard_error: Annotated[float, Field(ge=0)]
    images: Annotated[int, Field(ge=1)]
    fidelity: Fidelity = "analysed"

    @classmethod
    def of(cls, share: float, images: int) -> Self:
        """Returns the error for a share of wrong classes, which the integer reference gave to some images."""
        return cls(value=share, standard_error=standard_error(share, images), images=images)


def standard_error(share: float, images: int) -> float:
    """Returns the binomial standard error sqrt(p (1 - p) / n) of a share p of n images.

    For example, 5 % of 359 images have a standard error of sqrt(0.05 * 0.95 / 359) = 1.15 %.
    """
    return sqrt(share * (1 - share) / images)


def error_on(graph: Graph, data: Split) -> HeldOutError:
    """Returns the error of a network on images.

    Args:
        graph: The lowered network.
        data: The images, at least one, and their classes.
    """
    return HeldOutError.of(float(np.mean(board_classes(graph, data.images) != data.labels)), len(data.labels))
