"""Knows networks that an engineer would try first: few convolutions that grow wider, within the limits.

Random networks with convolutions are mostly poor, so a model that saw a few of them takes all convolutions for poor. It
then stays with dense networks for long. A handful of typical networks among the first trials prevents that.
"""

from collections.abc import Callable

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


def typical(space: Space, fits: Callable[[Configuration], bool], *, are_small: bool = False) -> list[Configuration]:
    """Returns typical networks of a space in canonical form, each as wide as fits. What never fits is left out.

    Images of 16 pixels a side or more are halved first, where the space allows it.

    Example for images of 28x28 and at most 2,048 weights: the first one is `pool2 conv-3x8/max conv-3x16/max dense`
    with 72 + 1,152 + 10 * 144 = 2,664 weights if 8 channels are tried. That is too much, and so are 7 (2,205). With 6
    it has 54 + 648 + 10 * 108 = 1,782.

    Args:
        space: The space.
        fits: Says whether a network of the space keeps the limits.
        are_small: Whether their width w is less: the first one that is at most (2 * w)**0.5. That is the middle of the
            widths on a logarithmic scale. It suits searches for small networks.
    """
    is_halved = min(space.task.shape[1:]) >= _LARGE_SIDE and 2 in space.limits.input_poolings  # noqa: PLR2004 - pool2
    found = [_of_shape(f"pool2 {shape}" if is_halved else shape, space, fits, are_small) for shape in _SHAPES]
    return [each for each in found if each is not None]


def _of_shape(
    shape: str,
    space: Space,
    fits: Callable[[Configuration], bool],
    is_small: bool,
) -> Configuration | None:
    networks = _by_width(shape, space)
    widest = next((width for width, network in networks.items() if fits(network)), None)
    if widest is None:
        return None
    most = (_WIDTHS[-1] * widest) ** 0.5 if is_small else widest
    return next(network for width, network in networks.items() if width <= most or width == min(networks))


def _by_width(shape: str, space: Space) -> dict[int, Configuration]:
    """Returns a network in all widths that the space has, the widest first."""
    configurations = {width: parse(shape.format(width, 2 * width)) for width in _WIDTHS}
    return {width: space.canonical(each) for width, each in configurations.items() if space.admits(each)}
