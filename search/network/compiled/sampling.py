"""Samples images at the points of an affine map, in place of torch's `affine_grid` and `grid_sample`."""

import numpy as np
import numpy.typing as npt

from sparse_mcu.search.network.compiled.kernels import Floats, compiled


@compiled
def sample_images(images: Floats, matrices: Floats, target: Floats) -> None:
    """Samples each image by bilinear interpolation. Points outside of an image get the value of its border.

    Args:
        images: The images, [n, channels, height, width].
        matrices: One affine map for each image, [n, 2, 3], as `torch.nn.functional.affine_grid` reads them: from
            coordinates of the target (x, y, 1) to those of the image (x, y). Both reach from -1 to 1, which are the
            outer edges of the first and the last pixel.
        target: Receives the samples, in the shape of `images`.
    """
    count, channels, height, width = images.shape
    half_width, half_height = np.float32(width / 2), np.float32(height / 2)
    last_column, last_row, one = np.float32(width - 1), np.float32(height - 1), np.float32(1)
    x, y = np.float32(1 / width) - one, np.float32(1 / height) - one  # the centre of the first pixel
    corners, shares = np.empty((4, width), np.int32), np.empty((2, width), np.float32)
    for n in range(count):
        m = matrices[n]
        first_column = (m[0, 0] * x + m[0, 1] * y + m[0, 2] + one) * half_width - np.float32(0.5)
        first_row = (m[1, 0] * x + m[1, 1] * y + m[1, 2] + one) * half_height - np.float32(0.5)
        for down in range(height):
            start_column = first_column + np.float32(down) * m[0, 1] * (half_width / half_height)
            start_row = first_row + np.float32(down) * m[1, 1]
            for right in range(width):
                column = start_column + np.float32(right) * m[0, 0]
                row = start_row + np.float32(right) * m[1, 0] * (half_height / half_width)
                column = min(max(column, np.float32(0)), last_column)
                row = min(max(row, np.float32(0)), last_row)
                left, top = np.int32(column), np.int32(row)
                shares[0, right], shares[1, right] = column - np.float32(left), row - np.float32(top)
                after, below = np.int32(min(column + one, last_column)), np.int32(min(row + one, last_row))
                corners[0, right], corners[1, right] = top * width + left, top * width + after
                corners[2, right], corners[3, right] = below * width + left, below * width + after
            for channel in range(channels):
                _blend(images[n, channel].reshape(height * width), corners, shares, target[n, channel, down])


@compiled
def _blend(image: Floats, corners: npt.NDArray[np.int32], shares: Floats, line: Floats) -> None:
    for right in range(len(line)):
        upper_left, upper_right = image[np.uint32(corners[0, right])], image[np.uint32(corners[1, right])]
        lower_left, lower_right = image[np.uint32(corners[2, right])], image[np.uint32(corners[3, right])]
        upper = upper_left + shares[0, right] * (upper_right - upper_left)
        lower = lower_left + shares[0, right] * (lower_right - lower_left)
        line[right] = upper + shares[1, right] * (lower - upper)
