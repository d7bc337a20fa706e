"""Knows networks that an engineer would try first: few convolutions that grow wider, as wide as the limits allow.

Random networks with convolutions are mostly poor, so a model that saw a few of them takes all convolutions for poor. It
then stays with dense networks for long. A handful of typical networks among the first trials prevents that.
"""

from collections.abc import Callable, Iterator

from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import Space

_SHAPES = (
    "conv-3x{0}/max conv-3x{1}/max dense",
    "conv-3x{0}/max dense",
    "conv-3x{0}/max conv-3x{1} conv-3x{0}/valid/max dense",
    "conv-3x{0}/max sep-3x{1}/max sep-3x{1} avg dense",
)
"""The texts of typical networks. {0} is the width of the first layer, and {1} is twice that."""

_WIDTHS = (16, 12, 10, 8, 7, 6, 5, 4, 3, 2)
_LARGE_SIDE = 16


def typical(space: Space, fits: Callable[[Configuration], bool]) -> list[Configuration]:
    """Returns typical networks of a space in canonical form, each as wide as fits. What never fits is left out.

    Images of 16 pixels a side or more are halved first, where the space allows it.

    Example for images of 28x28 and at most 2,048 weights: the first one is `pool2 conv-3x8/max conv-3x16/max dense`
    with 72 + 1,152 + 10 * 144 = 2,664 weights if 8 channels are tried. That is too much, and so are 7 (2,205). With 6
    it has 54 + 648 + 10 * 108 = 1,782.

    Args:
        space: The space.
        fits: Says whether a network of the space keeps the limits.
    """
    is_halved = min(space.task.shape[1:]) >= _LARGE_SIDE and 2 in space.limits.input_poolings  # noqa: PLR2004 - pool2
    found = (_widest(f"pool2 {shape}" if is_halved else shape, space, fits) for shape in _SHAPES)
    return [each for each in found if each is not None]


def _widest(shape: str, space: Space, fits: Callable[[Configuration], bool]) -> Configuration | None:
    return next(filter(fits, _narrower(shape, space)), None)


def _narrower(shape: str, space: Space) -> Iterator[Configuration]:
    """Yields a network of the space in all widths, the widest first."""
    for width in _WIDTHS:
        configuration = parse(shape.format(width, 2 * width))
        if space.admits(configuration):
            yield space.canonical(configuration)
