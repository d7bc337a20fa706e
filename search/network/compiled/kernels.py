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
def convolve(maps: Floats, x: int, sums: Floats, z: int, w: Floats, window: Ints) -> None:
    """Computes the sums of a convolution.

    Args:
        maps: All feature maps, [rows, images].
        x: The first row of the input.
        sums: Receives the sums, [rows, images].
        z: The first row of the sums.
        w: The weights, [output channels, inputs of an output].
        window: The shape of the layer.
    """
    size, each = window[OUT_HEIGHT] * window[OUT_WIDTH], window[OUTPUTS] // window[GROUPS]
    rows, numbers = np.empty(w.shape[1], np.int64), np.empty(w.shape[1], np.int64)
    four = np.empty((4, maps.shape[1]), np.float32)
    for place in range(size):
        for group in range(window[GROUPS]):
            count = list_taps(window, x, group, place, rows, numbers)
            output, end = group * each, (group + 1) * each
            while output + 4 <= end:
                _sum_four(maps, w, (output, output + 1, output + 2, output + 3), rows, numbers, count, four)
                for one in range(4):
                    _store(four[one], sums[z + (output + one) * size + place])
                output += 4
            while output < end:
                _sum_one(maps, w[output], rows, numbers, count, four[0])
                _store(four[0], sums[z + output * size + place])
                output += 1


@compiled
def gather(maps: Floats, x: int, window: Ints, down: int, columns: Floats) -> None:
    """Copies the inputs of one row of outputs, with zeros for those in the border.

    Args:
        maps: All feature maps, [rows, images].
        x: The first row of the input.
        window: The shape of the layer, of one group.
        down: The row of outputs.
        columns: Receives the inputs, [inputs of an output, outputs of the row x images].
    """
    images = maps.shape[1]
    for number in range(len(columns)):
        for right in range(window[OUT_WIDTH]):
            target = columns[number, right * images : (right + 1) * images]
            row = _input_row(window, number, down, right)
            if row < 0:
                for n in range(images):
                    target[n] = 0
            else:
                _store(maps[x + row], target)


@compiled
def scatter(grads: Floats, x: int, window: Ints, down: int, columns: Floats) -> None:
    """Adds the gradients of one row's inputs to those of the map, where `gather` took them."""
    images = grads.shape[1]
    for number in range(len(columns)):
        for right in range(window[OUT_WIDTH]):
            row = _input_row(window, number, down, right)
            if row >= 0:
                _accumulate(columns[number, right * images : (right + 1) * images], grads[x + row])


@compiled
def _input_row(window: Ints, number: int, down: int, right: int) -> int:
    """Returns the place of an input of an output in its map, or -1 if it lies in the border of zeros."""
    kernel, height, width = window[KERNEL], window[HEIGHT], window[WIDTH]
    top = down * window[STRIDE] - window[BEFORE] + number // kernel % kernel
    left = right * window[STRIDE] - window[BEFORE] + number % kernel
    if not (0 <= top < height and 0 <= left < width):
        return -1
    place: int = (number // (kernel * kernel) * height + top) * width + left
    return place


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
    """Sets `sums` to the products of weights and rows."""
    for n in range(maps.shape[1]):
        sums[n] = 0
    t = 0
    while t + 4 <= count:
        r0, r1, r2, r3 = rows[t], rows[t + 1], rows[t + 2], rows[t + 3]
        w0, w1, w2, w3 = w[numbers[t]], w[numbers[t + 1]], w[numbers[t + 2]], w[numbers[t + 3]]
        for n in range(maps.shape[1]):
            sums[n] += w0 * maps[r0, n] + w1 * maps[r1, n] + w2 * maps[r2, n] + w3 * maps[r3, n]
        t += 4
    for rest in range(t, count):
        row, weight = rows[rest], w[numbers[rest]]
        for n in range(maps.shape[1]):
            sums[n] += weight * maps[row, n]


@compiled
def _sum_four(
    maps: Floats, w: Floats, chosen: tuple[int, int, int, int], rows: Ints, numbers: Ints, count: int, sums: Floats
) -> None:
    """Does the same for four rows of weights at once, which reads each row of the maps a quarter as often."""
    a, b, c, d = w[chosen[0]], w[chosen[1]], w[chosen[2]], w[chosen[3]]
    for n in range(maps.shape[1]):
        sums[0, n] = sums[1, n] = sums[2, n] = sums[3, n] = 0
    t = 0
    while t + 4 <= count:
        r0, r1, r2, r3 = rows[t], rows[t + 1], rows[t + 2], rows[t + 3]
        n0, n1, n2, n3 = numbers[t], numbers[t + 1], numbers[t + 2], numbers[t + 3]
        a0, a1, a2, a3 = a[n0], a[n1], a[n2], a[n3]
        b0, b1, b2, b3 = b[n0], b[n1], b[n2], b[n3]
        c0, c1, c2, c3 = c[n0], c[n1], c[n2], c[n3]
        d0, d1, d2, d3 = d[n0], d[n1], d[n2], d[n3]
        for n in range(maps.shape[1]):
            x0, x1, x2, x3 = maps[r0, n], maps[r1, n], maps[r2, n], maps[r3, n]
            sums[0, n] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
            sums[1, n] += b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
            sums[2, n] += c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3
            sums[3, n] += d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3
        t += 4
    for rest in range(t, count):
        row, number = rows[rest], numbers[rest]
        a0, b0, c0, d0 = a[number], b[number], c[number], d[number]
        for n in range(maps.shape[1]):
            x0 = maps[row, n]
            sums[0, n] += a0 * x0
            sums[1, n] += b0 * x0
            sums[2, n] += c0 * x0
            sums[3, n] += d0 * x0


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
    four = np.empty((4, maps.shape[1]), np.float32)
    for place in range(size):
        for group in range(window[GROUPS]):
            count = list_taps(window, x, group, place, rows, numbers)
            for output in range(each):
                columns[output] = group * each + output
                places[output] = z + columns[output] * size + place
            _correlate_all(maps, grads, places, columns, rows, numbers, count, w_grads)
            if wants_input and each == 1:
                for t in range(count):
                    _accumulate_times(turned[numbers[t], group], grads[places[0]], grads[rows[t]])
            elif wants_input:
                _spread(grads, turned, places, columns, rows, numbers, count, four)


@compiled
def _correlate_all(
    maps: Floats,
    grads: Floats,
    places: Ints,
    columns: Ints,
    rows: Ints,
    numbers: Ints,
    count: int,
    w_grads: Floats,
) -> None:
    """Adds to the gradients of the weights of some outputs, at one position."""
    output = 0
    while output + 2 <= len(places):
        pair = (places[output], places[output + 1], columns[output], columns[output + 1])
        _correlate_two(maps, grads, pair, rows, numbers, count, w_grads)
        output += 2
    if output < len(places):
        _correlate(maps, grads[places[output]], rows, numbers, count, w_grads[columns[output]])


@compiled
def _spread(
    grads: Floats,
    turned: Floats,
    places: Ints,
    columns: Ints,
    rows: Ints,
    numbers: Ints,
    count: int,
    four: Floats,
) -> None:
    """Adds the gradients of some outputs, at one position, to those of their inputs."""
    t = 0
    while t + 4 <= count:
        chosen = (numbers[t], numbers[t + 1], numbers[t + 2], numbers[t + 3])
        _sum_four(grads, turned, chosen, places, columns, len(places), four)
        for one in range(4):
            _accumulate(four[one], grads[rows[t + one]])
        t += 4
    for rest in range(t, count):
        _sum_one(grads, turned[numbers[rest]], places, columns, len(places), four[0])
        _accumulate(four[0], grads[rows[rest]])


@compiled
def _accumulate_times(factor: float, source: Floats, target: Floats) -> None:
    for n in range(len(source)):
        target[n] += factor * source[n]


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
def _correlate_two(
    maps: Floats,
    grads: Floats,
    pair: tuple[int, int, int, int],
    rows: Ints,
    numbers: Ints,
    count: int,
    w_grads: Floats,
) -> None:
    """Does the same for two outputs at once, which reads each input half as often."""
    above, below, one, two = pair
    t = 0
    while t + 4 <= count:
        r0, r1, r2, r3 = rows[t], rows[t + 1], rows[t + 2], rows[t + 3]
        s0 = s1 = s2 = s3 = u0 = u1 = u2 = u3 = np.float32(0)
        for n in range(maps.shape[1]):
            g, h = grads[above, n], grads[below, n]
            x0, x1, x2, x3 = maps[r0, n], maps[r1, n], maps[r2, n], maps[r3, n]
            s0 += g * x0
            s1 += g * x1
            s2 += g * x2
            s3 += g * x3
            u0 += h * x0
            u1 += h * x1
            u2 += h * x2
            u3 += h * x3
        n0, n1, n2, n3 = numbers[t], numbers[t + 1], numbers[t + 2], numbers[t + 3]
        w_grads[one, n0] += s0
        w_grads[one, n1] += s1
        w_grads[one, n2] += s2
        w_grads[one, n3] += s3
        w_grads[two, n0] += u0
        w_grads[two, n1] += u1
        w_grads[two, n2] += u2
        w_grads[two, n3] += u3
        t += 4
    for rest in range(t, count):
        row = rows[rest]
        s0 = u0 = np.float32(0)
        for n in range(maps.shape[1]):
            s0 += grads[above, n] * maps[row, n]
            u0 += grads[below, n] * maps[row, n]
        w_grads[one, numbers[rest]] += s0
        w_grads[two, numbers[rest]] += u0


@compiled
def normalise(
    sums: Floats,
    maps: Floats,
    place: tuple[int, int],
    affine: tuple[Floats, Floats],
    running: tuple[Floats, Floats],
    batch: Floats,
    settings: tuple[float, float],
    relu: bool,
) -> None:
    """Computes a batch normalisation in training mode, and a ReLU.

    Args:
        sums: The inputs, [rows, images].
        maps: Receives the outputs in the same places.
        place: The first row, and the positions of a channel.
        affine: The factor and the shift of each channel.
        running: The running mean and variance of each channel, which change.
        batch: Receives the mean and 1 / the deviation of each channel in this batch, [2, channels].
        settings: The momentum of the running statistics, and what is added to a variance.
        relu: Whether a ReLU follows.
    """
    y, size = place
    count = size * maps.shape[1]
    momentum, epsilon = np.float32(settings[0]), np.float32(settings[1])
    least = np.float32(0) if relu else np.float32(-np.inf)
    for channel in range(len(affine[0])):
        source = sums[y + channel * size : y + (channel + 1) * size].reshape(count)
        target = maps[y + channel * size : y + (channel + 1) * size].reshape(count)
        mean, squares = _mean_and_squares(source)
        scale = np.float32(1) / np.sqrt(squares / np.float32(count) + epsilon)
        running[0][channel] += momentum * (mean - running[0][channel])
        running[1][channel] += momentum * (squares / np.float32(max(count - 1, 1)) - running[1][channel])
        batch[0, channel], batch[1, channel] = mean, scale
        factor = affine[0][channel] * scale
        shift = affine[1][channel] - mean * factor
        for n in range(count):
            target[n] = max(source[n] * factor + shift, least)


@compiled
def _mean_and_squares(values: Floats) -> tuple[np.float32, np.float32]:
    """Returns the mean, and the sum of the squared distances from it, in one pass.

    One of the values is subtracted from all first. So a mean far from zero costs no digits.
    """
    start, total, squares = values[0], np.float32(0), np.float32(0)
    for n in range(len(values)):
        total += values[n] - start
        squares += (values[n] - start) * (values[n] - start)
    mean = total / np.float32(len(values))
    return start + mean, max(squares - mean * total, np.float32(0))


@compiled
def normalise_back(
    sums: Floats,
    grads: Floats,
    place: tuple[int, int],
    affine: tuple[Floats, Floats],
    affine_grads: tuple[Floats, Floats],
    batch: Floats,
    relu: bool,
) -> None:
    """Replaces the gradients of a batch normalisation's output by those of its input.

    Args:
        sums: The inputs, [rows, images].
        grads: The gradients in the same places, which change.
        place: The first row, and the positions of a channel.
        affine: The factor and the shift of each channel.
        affine_grads: Receive their gradients.
        batch: As `normalise` left it.
        relu: Whether a ReLU follows.
    """
    y, size = place
    count = size * sums.shape[1]
    least = np.float32(0) if relu else np.float32(-np.inf)
    for channel in range(len(affine[0])):
        source = sums[y + channel * size : y + (channel + 1) * size].reshape(count)
        grad = grads[y + channel * size : y + (channel + 1) * size].reshape(count)
        mean, scale = batch[0, channel], batch[1, channel]
        factor = affine[0][channel] * scale
        shift = affine[1][channel] - mean * factor
        total = weighted = np.float32(0)
        for n in range(count):
            above = grad[n] if source[n] * factor + shift > least else np.float32(0)
            total += above
            weighted += above * (source[n] - mean)
        weighted *= scale
        affine_grads[0][channel], affine_grads[1][channel] = weighted, total
        slope = weighted * scale / np.float32(count)
        total /= np.float32(count)
        for n in range(count):
            above = grad[n] if source[n] * factor + shift > least else np.float32(0)
            grad[n] = factor * (above - total - (source[n] - mean) * slope)


@compiled
def _corner(place: int, shape: tuple[int, int, int], window: tuple[int, int]) -> int:
    """Returns the row of the first value of a pool's window, counted from the first row of its input.

    Args:
        place: The position in the output.
        shape: The channels, the height and the width of the input.
        window: The height and the width of the window.
    """
    _, height, width = shape
    out_height, out_width = height // window[0], width // window[1]
    channel, rest = place // (out_height * out_width), place % (out_height * out_width)
    return (channel * height + rest // out_width * window[0]) * width + rest % out_width * window[1]


@compiled
def pool_largest(maps: Floats, x: int, y: int, shape: tuple[int, int, int], size: int) -> None:
    """Computes the largest value of each window of size x size."""
    (channels, height, width), images = shape, maps.shape[1]
    for place in range(channels * (height // size) * (width // size)):
        corner = x + _corner(place, shape, (size, size))
        for n in range(images):
            maps[y + place, n] = maps[corner, n]
        for tap in range(1, size * size):
            row = corner + tap // size * width + tap % size
            for n in range(images):
                maps[y + place, n] = max(maps[y + place, n], maps[row, n])


@compiled
def pool_largest_back(maps: Floats, grads: Floats, x: int, y: int, shape: tuple[int, int, int], size: int) -> None:
    """Adds the gradient of each window to its largest value, the first one of equal ones."""
    (channels, height, width), images = shape, maps.shape[1]
    left = np.empty(images, np.float32)
    for place in range(channels * (height // size) * (width // size)):
        corner = x + _corner(place, shape, (size, size))
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
    share = np.float32(1) / np.float32(window[0] * window[1])
    for place in range(channels * (height // window[0]) * (width // window[1])):
        corner = x + _corner(place, shape, window)
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
    share = np.float32(1) / np.float32(window[0] * window[1])
    for place in range(channels * (height // window[0]) * (width // window[1])):
        corner = x + _corner(place, shape, window)
        for tap in range(window[0] * window[1]):
            row = corner + tap // window[1] * width + tap % window[1]
            for n in range(grads.shape[1]):
                grads[row, n] += grads[y + place, n] * share


@compiled
def add_biases(sums: Floats, maps: Floats, y: int, biases: Floats) -> None:
    """Adds the biases to the sums of a dense layer."""
    for output in range(len(biases)):
        for n in range(maps.shape[1]):
            maps[y + output, n] = sums[y + output, n] + biases[output]


@compiled
def add_biases_back(grads: Floats, y: int, bias_grads: Floats) -> None:
    """Computes the gradients of the biases of a dense layer. Those of the sums are those of the logits."""
    for output in range(len(bias_grads)):
        total = np.float32(0)
        for n in range(grads.shape[1]):
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
