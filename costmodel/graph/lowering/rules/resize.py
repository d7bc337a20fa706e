"""Lowers a Resize that leaves elements out: nearest-neighbour down-sampling, e.g. of a network's input."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.lowering.rules.slice import take
from sparse_mcu.costmodel.graph.node import Node

_Reals = npt.NDArray[np.float32]
_Kind = TypeVar("_Kind")
_HALF = np.float32(0.5)

# The position of output element i in the input, from (i, scale, input extent, output extent); float32 as in runtimes.
_COORDINATES: Mapping[str, Callable[[_Reals, np.float32, int, int], _Reals]] = MappingProxyType(
    {
        "half_pixel": lambda i, scale, _, __: (i + _HALF) / scale - _HALF,
        "pytorch_half_pixel": lambda i, scale, _, out: (i + _HALF) / scale - _HALF if out > 1 else np.zeros_like(i),
        "asymmetric": lambda i, scale, _, __: i / scale,
        "align_corners": lambda i, _, extent, out: i * np.float32(extent - 1) / np.float32(max(out - 1, 1)),
    }
)
_NEAREST: Mapping[str, Callable[[_Reals], _Reals]] = MappingProxyType(
    {
        "round_prefer_floor": lambda x: np.ceil(x - _HALF),
        "round_prefer_ceil": lambda x: np.floor(x + _HALF),
        "floor": np.floor,
        "ceil": np.ceil,
    }
)


@rule("Resize", keeps_scale=True, keeps_axes=True)
def lower_resize(node: Node, builder: Builder) -> Value:
    """Resize -> Slice, if every axis keeps each k-th element.

    Source: ONNX operator specification, Resize (https://onnx.ai/onnx/operators/onnx__Resize.html).
    """
    value = builder.value(node)
    scales = _scales(node, builder, value.shape)
    coordinates = _choice(node, "coordinate_transformation_mode", "half_pixel", _COORDINATES)
    nearest = _choice(node, "nearest_mode", "round_prefer_floor", _NEAREST)
    _choice(node, "mode", "nearest", {"nearest": None})
    _choice(node, "keep_aspect_ratio_policy", "stretch", {"stretch": None})
    ranges = []
    for extent, (scale, out) in zip(value.shape, scales, strict=True):
        i = np.arange(out, dtype=np.float32)
        places = nearest(coordinates(i, scale, extent, out)) if scale != 1 else i
        ranges.append(_progression(node, np.clip(places, 0, extent - 1).astype(np.int64)))
    return take(node, builder, value, ranges)


def _choice(node: Node, name: str, default: str, known: Mapping[str, _Kind]) -> _Kind:
    chosen = node.attributes.text(name, default)
    if chosen not in known:
        raise UnsupportedOperatorError(
            f"{name} {chosen[:40]!r}", where=node.where, fix=f"Those with a rule: {', '.join(known)}."
        )
    return known[chosen]


def _scales(node: Node, builder: Builder, shape: tuple[int, ...]) -> list[tuple[np.float32, int]]:
    """The factor and the output extent of each axis, from the input `scales` or `sizes`."""
    axes = node.axes(node.attributes.integers("axes") or range(len(shape)), len(shape))
    by_size = node.has_input(3)
    given = builder.constant(node, 3 if by_size else 2).codes.astype(np.float64).reshape(-1).tolist()
    if len(given) != len(axes):
        raise node.malformed(f"{len(given)} numbers for axes {list(axes)} of shape {list(shape)}")
    found = [(np.float32(1), extent) for extent in shape]
    for axis, number in zip(axes, given, strict=True):
        factor = number / shape[axis] if by_size else number
        if not 0 < factor <= 1:
            raise UnsupportedOperatorError(
                f"axis {axis} is resized by {factor:g}", where=node.where, fix="Only making smaller has a rule."
            )
        found[axis] = (np.float32(factor), int(number) if by_size else int(np.floor(shape[axis] * np.float32(number))))
    if not all(out for _, out in found):
        raise node.malformed(f"nothing is left of shape {list(shape)}", fix="Check the model's scales.")
    return found


def _progression(node: Node, places: npt.NDArray[np.int64]) -> range:
    """`places` as a range.

    Raises:
        UnsupportedOperatorError: Their steps are not equal.
    """
    steps = np.diff(places)
    step = int(steps[0]) if steps.size else 1
    if step < 1 or np.any(steps != step):
        raise UnsupportedOperatorError(
            f"an axis keeps elements {places[:8].tolist()} ..., which are not equally far apart",
            where=node.where,
            fix="Resize by 1/2, 1/3, 1/4 ...",
        )
    return range(int(places[0]), int(places[0]) + step * len(places), step)
