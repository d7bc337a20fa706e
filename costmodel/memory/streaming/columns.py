"""Computes which columns of each tensor a strip needs.

Example: a map of 16 columns behind a 3x3 convolution with padding 1, in 2 strips. Strip 0 computes columns 0-7 and
reads columns -1 to 8; strip 1 computes 8-15 and reads 7 to 16. Columns 7 and 8 are read, and computed before, twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sparse_mcu.costmodel.memory.streaming.stretch import Stretch, reach_of


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns first + strip * step .. + count - 1; some may lie outside the tensor."""

    first: int
    count: int
    step: int


@dataclass(frozen=True, slots=True)
class Strips:
    """A cut of the width.

    Attributes:
        count: Number of strips.
        columns: The columns of each tensor.
    """

    count: int
    columns: Mapping[str, Columns]

    @property
    def are_whole(self) -> bool:
        """Whether rows are not cut."""
        return self.count == 1


def strips_of(stretch: Stretch, count: int) -> Strips:
    """Cut the exit's width into at most `count` strips of equal width, and find the columns of the other tensors."""
    widths = {name: stretch.graph.tensor(name).shape[2] for name in (*stretch.links, stretch.exit)}
    step = -(-widths[stretch.exit] // count)
    if step >= widths[stretch.exit]:
        return Strips(1, {name: Columns(0, width, width) for name, width in widths.items()})
    columns = {stretch.exit: Columns(0, step, step)}
    for operator in reversed(stretch.operators):
        target, reach = columns[operator.output], reach_of(operator, 1)
        first = target.first * reach.stride - reach.before
        needed = Columns(first, (target.count - 1) * reach.stride + reach.extent, target.step * reach.stride)
        for name in operator.inputs:
            columns[name] = _union(columns.get(name, needed), needed)
    return Strips(-(-widths[stretch.exit] // step), columns)


def _union(one: Columns, other: Columns) -> Columns:
    first = min(one.first, other.first)
    return Columns(first, max(one.first + one.count, other.first + other.count) - first, one.step)
