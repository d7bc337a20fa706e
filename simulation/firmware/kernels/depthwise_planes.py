"""Fits the depthwise convolution for cores with DSP: it copies one channel at a time to a plane of int16."""

from dataclasses import dataclass, replace

import numpy as np

from sparse_mcu.costmodel.graph.operators import Conv2d, Window
from sparse_mcu.costmodel.memory.model.access import AccessPattern
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import first_inside
from sparse_mcu.simulation.firmware.kernels.packing import largest_divisor
from sparse_mcu.simulation.firmware.kernels.work import channelwise_work
from sparse_mcu.simulation.firmware.source import Constant

_MOST_WEIGHT_WORDS = 30  # they are held in registers or on the stack
_LARGEST_PLANE_BYTES = 16384
_LONGEST_COPY = 12  # values of a row that one turn of the loop copies
_LONGEST_BODY = 4  # steps of a row without a loop


@dataclass(frozen=True, slots=True)
class Product:
    """Describes one instruction of the inner block, which makes one or two products from a word of the plane.

    Attributes:
        function: Its function in blocks.h.
        word: Which word of the plane's row, counted from the step's first word.
        taps: The taps whose weights the word of weights holds (low half, high half); -1 for none.
    """

    function: str
    word: int
    taps: tuple[int, int]


def even_products(width: int) -> list[Product]:
    """Returns a kernel row for an output whose first value is the low half of a word."""
    pairs = [Product("multiply_add2", i, (2 * i, 2 * i + 1)) for i in range(width // 2)]
    last = (width - 1, width - 2 if width > 1 else -1)
    return [*pairs, Product("multiply_add_low", width // 2, last)] if width % 2 else pairs


def odd_products(width: int, word: int) -> list[Product]:
    """Returns a kernel row for an output whose first value is the high half of `word`."""
    if width == 1:
        return [Product("multiply_add_top_low", word, (0, -1))]
    first = Product("multiply_add_top_low", word, (0, 1))
    middle = [Product("multiply_add2", word + (tap + 1) // 2, (tap, tap + 1)) for tap in range(1, width - 2, 2)]
    if width % 2:
        last = Product("multiply_add2_crossed", word + width // 2, (width - 1, width - 2))
    else:
        last = Product("multiply_add_low_top", word + width // 2, (width - 2, width - 1))
    return [first, *middle, last]


@dataclass(frozen=True, slots=True)
class Rows:
    """Describes the layer as the code sees it: planes of rows, and the outputs of each row in pairs.

    Attributes:
        height: Height of the input.
        width: Width of the input.
        out_height: Height of the output.
        out_width: Width of the output.
        window: The window.
        strip: Output rows for which a plane is made: all of them, or some at a time.
    """

    height: int
    width: int
    out_height: int
    out_width: int
    window: Window
    strip: int

    @property
    def first(self) -> list[Product]:
        """A kernel row for the first output of a pair."""
        return even_products(self.window.kernel[1])

    @property
    def second(self) -> list[Product]:
        """A kernel row for the second output of a pair. With an even stride it begins at a word, too."""
        width, stride = self.window.kernel[1], self.window.strides[1]
        if stride % 2:
            return odd_products(width, stride // 2)
        return [replace(product, word=product.word + stride // 2) for product in self.first]

    @property
    def steps(self) -> int:
        """Pairs of outputs in a row."""
        return self.out_width // 2

    @property
    def words(self) -> int:
        """32-bit words in a row of the plane. It holds everything that is read, and the input."""
        stride = self.window.strides[1]
        pair_end = max(product.word for product in (*self.first, *self.second)) + 1
        read = [(self.steps - 1) * stride + pair_end] if self.steps else []
        if self.out_width % 2:
            read.append(self.steps * stride + max(product.word for product in self.first) + 1)
        return max(*read, (self.window.padding[1] + self.width + 1) // 2)

    @property
    def plane_rows(self) -> int:
        """Rows of the plane. It holds everything that is read, and the whole input if there are no strips."""
        read = (self.strip - 1) * self.window.strides[0] + self.window.kernel[0]
        return max(read, self.window.padding[0] + self.height) if self.strip == self.out_height else read

    @property
    def weight_words(self) -> list[tuple[int, int]]:
        """The taps of each word of weights of a kernel row."""
        used = [*self.first, *(self.second if self.steps else [])]
        return list(dict.fromkeys(product.taps for product in used))

    @property
    def body_steps(self) -> int:
        """Steps in the body of a row's loop. Measurements show that long bodies pay only for thin kernels."""
        square = min(self.window.kernel) > 1 and self.window.strides[1] == 1
        return largest_divisor(self.steps, _LONGEST_BODY // 2 if square else _LONGEST_BODY) if self.steps else 0


def rows_of(site: Site, window: Window, strip: int) -> Rows:
    """Returns the layer's rows.

    Without strips, a kernel of one column on an image of one column is laid on its side.
    """
    _, height, width, _ = site.inputs[0].shape
    _, out_height, out_width, _ = site.output.shape
    top, left, _, _ = window.padding
    if not strip and width == out_width == window.kernel[1] == 1 and left == 0 and window.kernel[0] > 1:
        lying = Window(kernel=(1, window.kernel[0]), strides=(1, window.strides[0]), padding=(0, top, 0, 0))
        return Rows(1, height, 1, out_height, lying, 1)
    return Rows(height, width, out_height, out_width, window, strip or out_height)


def depthwise_planes(site: Site, strip: int = 0) -> Implementation | None:
    """Takes a depthwise convolution with one output per channel, not dilated, whose plane is not too large.

    It copies a channel to working memory as int16, inside a border that holds the input's zero point. One word then
    holds two neighbouring values. The channel's weights stay in registers for the whole plane. The channel is read to
    its end before its first output is written.

    Args:
        site: The layer.
        strip: Output rows that are computed at a time; 0 for all.
    """
    operator, channels = depthwise_of(site), site.inputs[0].shape[-1]
    if operator is None or not site.core.has_dsp:
        return None
    sums = accumulation_of(operator, site.inputs[0].quantization.zero_point, every_tap_counts=True)
    rows = rows_of(site, operator.window, strip)
    plane_bytes = 4 * rows.words * rows.plane_rows
    many = len(rows.weight_words) * rows.window.kernel[0] > _MOST_WEIGHT_WORDS
    if sums.zero_point != 0 or many or plane_bytes > _LARGEST_PLANE_BYTES:
        return None
    blocks = np.stack([sums.bias, sums.multipliers], axis=1)
    return Implementation(
        "depthwise_planes",
        site,
        (planes_access(site, strip),),
        (
            Constant("weights", operator.weights.reshape(channels, -1), "weights"),
            Constant("blocks", blocks, "constants"),
        ),
        {"rows": rows, "copied": largest_divisor(rows.width, _LONGEST_COPY), "zero_pair": zero_pair(site)},
        plane_bytes,
        takes_pitch=not strip,
        in_place=True,
        reads_pitch=None if strip else depthwise_planes,
        work=channelwise_work(operator, site.inputs[0], site.output),
    )


def depthwise_of(site: Site) -> Conv2d | None:
    """Returns the site's convolution if it is depthwise; None if it is not.

    Here that means: one output per channel, more than one channel, not dilated.
    """
    operator, channels = site.operator, site.inputs[0].shape[-1]
    if not isinstance(operator, Conv2d) or operator.window.dilations != (1, 1):
        return None
    return operator if operator.groups == operator.bias.size == channels > 1 else None


def planes_access(site: Site, strip: int) -> AccessPattern:
    """Returns the order of access: all values of a channel are read, then all outputs of that channel are written.

    Channels lie side by side. If `strip` is not 0, this holds for every `strip` rows of the output.
    """
    (_, height, width, _), (_, out_height, out_width, count) = site.inputs[0].shape, site.output.shape
    channels = np.arange(count, dtype=np.int64)
    if not strip or not isinstance(site.operator, Conv2d):
        return AccessPattern(channels, (out_height * out_width - 1) * site.pitch + channels + 1)
    first = first_inside(site.operator.window, 0, out_height, height)[::strip] * width * count
    end = np.minimum(np.arange(strip, out_height + strip, strip), out_height) * out_width * count
    return AccessPattern(np.add.outer(first, channels).ravel(), np.subtract.outer(end, channels[::-1]).ravel())


def zero_pair(site: Site) -> int:
    """Returns the input's zero point twice, as two int16 in a word."""
    half = site.inputs[0].quantization.zero_point % 2**16
    return half << 16 | half
