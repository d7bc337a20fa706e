"""Compiled loops of a training step.

All feature maps of a network stand in one float32 array [rows, images]. A row is one position of one channel, and a
map is a range of rows in the order channel, height, width. So every inner loop is a vector operation over the images of
a batch, whatever the shape of the layer is. A map of two channels is as fast as one of many. numba keeps the machine
code on disk.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compiles a function at its first call. The code is kept on disk if some folder may be written."""
    compile_it: Any = partial(numba.njit, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy")
    try:
        return cast("Callable[_P, _R]", compile_it(cache=True)(function))
    except RuntimeError:  # numba found no such folder
        return cast("Callable[_P, _R]", compile_it()(function))


# The columns of a window: the shape of a convolution, or of a dense layer on a map of 1x1.
CHANNELS, HEIGHT, WIDTH, KERNEL, STRIDE, BEFORE, GROUPS, OUTPUTS, OUT_HEIGHT, OUT_WIDTH = range(10)


@compiled
def list_taps(window: Ints, first: int, group: int, place: int, rows: Ints, numbers: Ints) -> int:
    """Lists the inputs of one output position, without those in the border of zeros.

    Args:
        window: The shape of the layer.
        first: The first row of the input.
        group: The group of channels.
        place: The output position.
        rows: Receives the row of each input.
        numbers: Receives the number of its weight in the filter.

    Returns:
        The number of inputs.
    """
    channels, height, width, kernel = window[CHANNELS], window[HEIGHT], window[WIDTH], window[KERNEL]
    top = place // window[OUT_WIDTH] * window[STRIDE] - window[BEFORE]
    left = place % window[OUT_WIDTH] * window[STRIDE] - window[BEFORE]
    count = 0
    for channel in range(channels):
        for down in range(max(0, -top), min(kernel, height - top)):
            for right in range(max(0, -left), min(kernel, width - left)):
                rows[count] = first + ((group * channels + channel) * height + top + down) * width + left + right
                numbers[count] = (channel * kernel + down) * kernel + right
                count += 1
    return count


@compiled
def convolve(maps: Floats, x: int, z: int, w: Floats, window: Ints) -> None:
    """Computes the sums of a convolution.

    Args:
        maps: All feature maps, [rows, images].
        x: The first row of the input.
        z: The first row of the sums.
        w: The weights, [output channels, inputs of an output].
        window: The shape of the layer.
    """
    size, each = window[OUT_HEIGHT] * window[OUT_WIDTH], window[OUTPUTS] // window[GROUPS]
    rows, numbers = np.empty(w.shape[1], np.int64), np.empty(w.shape[1], np.int64)
    sums = np.empty((2, maps.shape[1]), np.float32)
    for place in range(size):
        for group in range(window[GROUPS]):
            count = list_taps(window, x, group, place, rows, numbers)
            output, end = group * each, (group + 1) * each
            while output < end:
                if output + 1 < end:
                    _sum_two(maps, w[output], w[output + 1], rows, numbers, count, sums)
                    _store(sums[1], maps[z + (output + 1) * size + place])
                else:
                    _sum_one(maps, w[output], rows, numbers, count, sums)
                _store(sums[0], maps[z + output * size + place])
                output += 2


@compiled
def _store(source: Floats, target: Floats) -> None:
    for n in range(len(source)):
        target[n] = source[n]


@compiled
def _accumulate(source: Floats, target: Floats) -> None:
    for n in range(len(source)):
        target[n] += source[n]


@compiled
def _sum_one(maps: Floats, w: Floats, rows: Ints, numbers: Ints, count: int, sums: Floats) -> None:
    """Sets the first of `sums` to the products of weights and rows."""
    for n in range(maps.shape[1]):
        sums[0, n] = 0
    t = 0
    while t + 4 <= count:
        r0, r1, r2, r3 = rows[t], rows[t + 1], rows[t + 2], rows[t + 3]
        w0, w1, w2, w3 = w[numbers[t]], w[numbers[t + 1]], w[numbers[t + 2]], w[numbers[t + 3]]
        for n in range(maps.shape[1]):
            sums[0, n] += w0 * maps[r0, n] + w1 * maps[r1, n] + w2 * maps[r2, n] + w3 * maps[r3, n]
        t += 4
    for rest in range(t, count):
        row, weight = rows[rest], w[numbers[rest]]
        for n in range(maps.shape[1]):
            sums[0, n] += weight * maps[row, n]


@compiled
def _sum_two(maps: Floats, w: Floats, v: Floats, rows: Ints, numbers: Ints, count: int, sums: Floats) -> None:
    """Does the same for two outputs at once, which reads each row half as often."""
    for n in range(maps.shape[1]):
        sums[0, n] = sums[1, n] = 0
    t = 0
    while t + 4 <= count:
        r0, r1, r2, r3 = rows[t], rows[t + 1], rows[t + 2], rows[t + 3]
        n0, n1, n2, n3 = numbers[t], numbers[t + 1], numbers[t + 2], numbers[t + 3]
        w0, w1, w2, w3 = w[n0], w[n1], w[n2], w[n3]
        v0, v1, v2, v3 = v[n0], v[n1], v[n2], v[n3]
        for n in range(maps.shape[1]):
            x0, x1, x2, x3 = maps[r0, n], maps[r1, n], maps[r2, n], maps[r3, n]
            sums[0, n] += w0 * x0 + w1 * x1 + w2 * x2 + w3 * x3
            sums[1, n] += v0 * x0 + v1 * x1 + v2 * x2 + v3 * x3
        t += 4
    for rest in range(t, count):
        row, weight, other = rows[rest], w[numbers[rest]], v[numbers[rest]]
        for n in range(maps.shape[1]):
            sums[0, n] += weight * maps[row, n]
            sums[1, n] += other * maps[row, n]


@compiled
def convolve_back(
    maps: Floats, grads: Floats, x: int, z: int, turned: Floats, w_grads: Floats, window: Ints, wants_input: bool
) -> None:
    """Adds to the gradients of a convolution's input and weights.

    Args:
        maps: All feature maps, [rows, images].
        grads: Their gradients in the same places. Those of the sums are known.
        x: The first row of the input.
        z: The first row of the sums.
        turned: The weights, [inputs of an output, output channels].
        w_grads: Their gradients, [output channels, inputs of an output].
        window: The shape of the layer.
        wants_input: Whether the gradient of the input is wanted.
    """
    size, each = window[OUT_HEIGHT] * window[OUT_WIDTH], window[OUTPUTS] // window[GROUPS]
    rows, numbers = np.empty(len(turned), np.int64), np.empty(len(turned), np.int64)
    columns, places = np.empty(each, np.int64), np.empty(each, np.int64)
    for output in range(each):
        columns[output] = output
    sums = np.empty((2, maps.shape[1]), np.float32)
    for place in range(size):
        for group in range(window[GROUPS]):
            count = list_taps(window, x, group, place, rows, numbers)
            for output in range(group * each, (group + 1) * each):
                _correlate(maps, grads[z + output * size + place], rows, numbers, count, w_grads[output])
            if not wants_input:
                continue
            for output in range(each):
                places[output] = z + (group * each + output) * size + place
            t = 0
            while t < count:
                first = turned[numbers[t], group * each : (group + 1) * each]
                if t + 1 < count:
                    second = turned[numbers[t + 1], group * each : (group + 1) * each]
                    _sum_two(grads, first, second, places, columns, each, sums)
                    _accumulate(sums[1], grads[rows[t + 1]])
                else:
                    _sum_one(grads, first, places, columns, each, sums)
                _accumulate(sums[0], grads[rows[t]])
                t += 2


@compiled
def _correlate(maps: Floats, above: Floats, rows: Ints, numbers: Ints, count: int, w_grads: Floats) -> None:
    """Adds the products of an output's gradient and each input to the gradients of the output's weights."""
    t = 0
    while t + 4 <= count:
        r0, r1, r2, r3 = rows[t], rows[t + 1], rows[t + 2], rows[t + 3]
        s0 = s1 = s2 = s3 = np.float32(0)
        for n in range(len(above)):
            s0 += above[n] * maps[r0, n]
            s1 += above[n] * maps[r1, n]
            s2 += above[n] * maps[r2, n]
            s3 += above[n] * maps[r3, n]
        w_grads[numbers[t]] += s0
        w_grads[numbers[t + 1]] += s1
        w_grads[numbers[t + 2]] += s2
        w_grads[numbers[t + 3]] += s3
        t += 4
    for rest in range(t, count):
        row, total = rows[rest], np.float32(0)
        for n in range(len(above)):
            total += above[n] * maps[row, n]
        w_grads[numbers[rest]] += total


@compiled
def normalise(
    maps: Floats,
    place: tuple[int, int, int],
    affine: tuple[Floats, Floats],
    running: tuple[Floats, Floats],
    batch: Floats,
    settings: tuple[float, float],
    relu: bool,
) -> None:
    """Computes a batch normalisation in training mode, and a ReLU.

    Args:
        maps: All feature maps, [rows, images].
        place: The first row of the input, the first row of the output, and the positions of a channel.
        affine: The factor and the shift of each channel.
        running: The running mean and variance of each channel, which change.
        batch: Receives the mean and 1 / the deviation of each channel in this batch, [2, channels].
        settings: The momentum of the running statistics, and what is added to a variance.
        relu: Whether a ReLU follows.
    """
    z, y, size = place
    count = size * maps.shape[1]
    momentum, epsilon = np.float32(settings[0]), np.float32(settings[1])
    least = np.float32(0) if relu else np.float32(-np.inf)
    for channel in range(len(affine[0])):
        source = maps[z + channel * size : z + (channel + 1) * size].reshape(count)
        target = maps[y + channel * size : y + (channel + 1) * size].reshape(count)
        mean = squares = np.float32(0)
        for n in range(count):
            mean += source[n]
        mean /= np.float32(count)
        for n in range(count):
            squares += (source[n] - mean) * (source[n] - mean)
        scale = np.float32(1) / np.sqrt(squares / np.float32(count) + epsilon)
        running[0][channel] += momentum * (mean - running[0][channel])
        running[1][channel] += momentum * (squares / np.float32(max(count - 1, 1)) - running[1][channel])
        batch[0, channel], batch[1, channel] = mean, scale
        factor = affine[0][channel] * scale
        shift = affine[1][channel] - mean * factor
        for n in range(count):
            target[n] = max(source[n] * factor + shift, least)


@compiled
def normalise_back(
    maps: Floats,
    grads: Floats,
    place: tuple[int, int, int],
    factors: Floats,
    affine_grads: tuple[Floats, Floats],
    batch: Floats,
    relu: bool,
) -> None:
    """Computes the gradients of a batch normalisation's input, factors and shifts.

    Args:
        maps: All feature maps, [rows, images].
        grads: Their gradients in the same places.
        place: The first row of the input, the first row of the output, and the positions of a channel.
        factors: The factor of each channel.
        affine_grads: Receive the gradients of the factors and of the shifts.
        batch: As `normalise` left it.
        relu: Whether a ReLU follows.
    """
    z, y, size = place
    count = size * maps.shape[1]
    for channel in range(len(factors)):
        source = maps[z + channel * size : z + (channel + 1) * size].reshape(count)
        output = maps[y + channel * size : y + (channel + 1) * size].reshape(count)
        above = grads[y + channel * size : y + (channel + 1) * size].reshape(count)
        below = grads[z + channel * size : z + (channel + 1) * size].reshape(count)
        mean, scale = batch[0, channel], batch[1, channel]
        total = weighted = np.float32(0)
        if relu:
            for n in range(count):
                above[n] = above[n] if output[n] > 0 else np.float32(0)
        for n in range(count):
            total += above[n]
            weighted += above[n] * (source[n] - mean)
        weighted *= scale
        affine_grads[0][channel], affine_grads[1][channel] = weighted, total
        factor = factors[channel] * scale
        slope = weighted * scale / np.float32(count)
        total /= np.float32(count)
        for n in range(count):
            below[n] = factor * (above[n] - total - (source[n] - mean) * slope)


@compiled
def pool_largest(maps: Floats, x: int, y: int, shape: tuple[int, int, int], size: int) -> None:
    """Computes the largest value of each window of size x size."""
    channels, height, width = shape
    out_height, out_width, images = height // size, width // size, maps.shape[1]
    for place in range(channels * out_height * out_width):
        channel, rest = place // (out_height * out_width), place % (out_height * out_width)
        corner = x + (channel * height + rest // out_width * size) * width + rest % out_width * size
        for n in range(images):
            maps[y + place, n] = maps[corner, n]
        for tap in range(1, size * size):
            row = corner + tap // size * width + tap % size
            for n in range(images):
                maps[y + place, n] = max(maps[y + place, n], maps[row, n])


@compiled
def pool_largest_back(maps: Floats, grads: Floats, x: int, y: int, shape: tuple[int, int, int], size: int) -> None:
    """Adds the gradient of each window to its largest value, the first one of equal ones."""
    channels, height, width = shape
    out_height, out_width, images = height // size, width // size, maps.shape[1]
    left = np.empty(images, np.float32)
    for place in range(channels * out_height * out_width):
        channel, rest = place // (out_height * out_width), place % (out_height * out_width)
        corner = x + (channel * height + rest // out_width * size) * width + rest % out_width * size
        for n in range(images):
            left[n] = grads[y + place, n]
        for tap in range(size * size):
            row = corner + tap // size * width + tap % size
            for n in range(images):
                share = left[n] if maps[row, n] == maps[y + place, n] else np.float32(0)
                grads[row, n] += share
                left[n] -= share


@compiled
def pool_mean(maps: Floats, x: int, y: int, shape: tuple[int, int, int], window: tuple[int, int]) -> None:
    """Computes the mean of each window (height, width) of a map [channels, height, width]."""
    channels, height, width = shape
    out_height, out_width = height // window[0], width // window[1]
    share = np.float32(1) / np.float32(window[0] * window[1])
    for place in range(channels * out_height * out_width):
        channel, rest = place // (out_height * out_width), place % (out_height * out_width)
        corner = x + (channel * height + rest // out_width * window[0]) * width + rest % out_width * window[1]
        for n in range(maps.shape[1]):
            maps[y + place, n] = 0
        for tap in range(window[0] * window[1]):
            row = corner + tap // window[1] * width + tap % window[1]
            for n in range(maps.shape[1]):
                maps[y + place, n] += maps[row, n] * share


@compiled
def pool_mean_back(grads: Floats, x: int, y: int, shape: tuple[int, int, int], window: tuple[int, int]) -> None:
    """Adds the gradient of each mean to its window."""
    channels, height, width = shape
    out_height, out_width = height // window[0], width // window[1]
    share = np.float32(1) / np.float32(window[0] * window[1])
    for place in range(channels * out_height * out_width):
        channel, rest = place // (out_height * out_width), place % (out_height * out_width)
        corner = x + (channel * height + rest // out_width * window[0]) * width + rest % out_width * window[1]
        for tap in range(window[0] * window[1]):
            row = corner + tap // window[1] * width + tap % window[1]
            for n in range(grads.shape[1]):
                grads[row, n] += grads[y + place, n] * share


@compiled
def add_biases(maps: Floats, z: int, y: int, biases: Floats) -> None:
    """Adds the biases to the sums of a dense layer."""
    for output in range(len(biases)):
        for n in range(maps.shape[1]):
            maps[y + output, n] = maps[z + output, n] + biases[output]


@compiled
def add_biases_back(grads: Floats, z: int, y: int, bias_grads: Floats) -> None:
    """Computes the gradients of the sums and the biases of a dense layer."""
    for output in range(len(bias_grads)):
        total = np.float32(0)
        for n in range(grads.shape[1]):
            grads[z + output, n] = grads[y + output, n]
            total += grads[y + output, n]
        bias_grads[output] = total


@compiled
def add_maps(maps: Floats, left: int, right: int, y: int, rows: int) -> None:
    """Adds two maps, and applies a ReLU."""
    for row in range(rows):
        for n in range(maps.shape[1]):
            maps[y + row, n] = max(maps[left + row, n] + maps[right + row, n], np.float32(0))


@compiled
def add_maps_back(maps: Floats, grads: Floats, left: int, right: int, y: int, rows: int) -> None:
    """Adds the gradients of a sum with a ReLU to those of both maps."""
    for row in range(rows):
        for n in range(maps.shape[1]):
            share = grads[y + row, n] if maps[y + row, n] > 0 else np.float32(0)
            grads[left + row, n] += share
            grads[right + row, n] += share


@compiled
def cross_entropy_back(maps: Floats, grads: Floats, y: int, classes: int, labels: Ints) -> None:
    """Sets the gradients of the logits under the mean cross entropy."""
    images = maps.shape[1]
    for n in range(images):
        largest = maps[y, n]
        for row in range(y, y + classes):
            largest = max(largest, maps[row, n])
        total = np.float32(0)
        for row in range(y, y + classes):
            grads[row, n] = np.exp(maps[row, n] - largest)
            total += grads[row, n]
        for row in range(y, y + classes):
            grads[row, n] /= total * np.float32(images)
        grads[y + labels[n], n] -= np.float32(1) / np.float32(images)
