"""Lowers Softmax over one axis to a table and integers."""

from math import floor, log2

import numpy as np

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError
from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.operators import Softmax

_WORD = 2**32
_MOST_DENOMINATOR_BITS = 12
_LARGEST_ERROR = 0.1
"""In units of the last place of the output."""


@rule("Softmax", keeps_axes=True)
def lower_softmax(node: Node, builder: Builder) -> Value:
    """Softmax -> Softmax, with its axis stored last."""
    value = builder.real_value(node)
    axis = node.axis(len(value.shape), default=-1)
    last = (*(entry for entry in value.permutation if entry != axis), axis)
    source = builder.arrange(node, value, last).tensor
    quantization = builder.demand(node)
    numerator, denominator, bits = _ratio(node, quantization.scale, source.shape[-1])
    steps = np.arange(256)
    table = np.rint(np.exp(-source.quantization.scale * steps) * 2.0**bits).astype(np.uint32)
    out = builder.new_tensor(node, source.shape, quantization)
    builder.add(
        Softmax(
            name=builder.unique_name(node),
            inputs=(source.name,),
            output=out.name,
            exp_table=table[: np.count_nonzero(table)],
            numerator=numerator,
            denominator=denominator,
        )
    )
    return Value(out, last, value.dtype)


def _ratio(node: Node, scale_out: float, length: int) -> tuple[int, int, int]:
    """1 / scale_out as numerator and denominator, and the bits of the table: those of the least error in 32 bits.

    The largest intermediate is 2**bits * numerator + length * 2**bits * denominator / 2.
    """
    best: tuple[float, int, int, int] | None = None
    for denominator_bits in range(_MOST_DENOMINATOR_BITS + 1):
        denominator = 2**denominator_bits
        numerator = round(denominator / scale_out)
        room = (_WORD - 1) / max(numerator + length * denominator / 2, length * denominator)
        if numerator < 1 or room < 1:
            continue
        bits = floor(log2(room))
        error = abs(numerator / denominator - 1 / scale_out) + 0.5 / 2**bits / scale_out
        if best is None or error < best[0]:
            best = (error, numerator, denominator, bits)
    if best is None or best[0] > _LARGEST_ERROR:
        raise UnsupportedQuantizationError(
            f"output scale {scale_out:.6g} over {length} elements needs more than 32 bits",
            where=node.where,
            fix="Use an output scale of 1/256.",
        )
    return best[1], best[2], best[3]
