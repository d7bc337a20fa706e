"""Provides what the operators' meanings share: windows, checked accumulators, and the step to int8."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import Clamp, Operator, Quantization, Window
from sparse_mcu.simulation.reference.registry import Int8Array

Wide = npt.NDArray[np.int64]


def centred(array: Int8Array, quantization: Quantization) -> Wide:
    """Returns codes minus their zero point."""
    return array.astype(np.int64) - quantization.zero_point


def checked(accumulator: Wide, operator: Operator) -> Wide:
    """Returns the accumulator, if it fits the 32 bits that firmware has.

    Raises:
        UnsupportedQuantizationError: It does not fit.
    """
    worst = int(np.abs(accumulator).max(initial=0))
    if worst >= 2**31:
        raise UnsupportedQuantizationError(
            f"accumulator {worst} overflows 32 bits", where=operator.name, fix="Load the model through load_graph."
        )
    return accumulator


def taps(places: Wide) -> Iterator[Wide]:
    """Yields what each tap of the kernel sees at every place: [n, out_h, out_w, C] for `windows`."""
    return (places[:, :, :, y, x] for y, x in np.ndindex(*places.shape[3:5]))


def products(left: Wide, right: Int8Array) -> Wide:
    """Multiplies two matrices (or stacks of them) exactly.

    It computes in float64, because numpy has fast code for float64 and none for int64. Every partial sum is an integer
    below 2**53, because a product is below 2**16 and no tensor has 2**37 elements. So nothing is ever rounded.

    Args:
        left: Centred codes [..., m, k].
        right: Weights [..., k, n].
    """
    return (left.astype(np.float64) @ right.astype(np.float64)).astype(np.int64)


def saturated(result: Wide, quantization: Quantization, clamp: Clamp) -> Int8Array:
    """Returns clamp(zero_point + result)."""
    return np.clip(result + quantization.zero_point, clamp.low, clamp.high).astype(np.int8)


def windows(images: Wide, window: Window, fill: int) -> Wide:
    """Returns the elements under a window at each of its places.

    Args:
        images: [n, 1, H, W, C].
        window: Kernel, strides, padding and dilations.
        fill: The value of padding.

    Returns:
        [n, out_h, out_w, kernel_h, kernel_w, C]; a view where there is no padding.
    """
    top, left, bottom, right = window.padding
    padded = images[:, 0]
    if any(window.padding):
        padded = np.pad(padded, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    reach = [(size - 1) * step + 1 for size, step in zip(window.kernel, window.dilations, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(padded, (reach[0], reach[1]), axis=(1, 2))
    places = views[:, :: window.strides[0], :: window.strides[1], :, :: window.dilations[0], :: window.dilations[1]]
    return places.transpose(0, 1, 2, 4, 5, 3)
