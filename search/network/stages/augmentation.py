"""Turns, shifts and scales training images a little, so that a network never sees the same image twice."""

from math import radians

import numpy as np
import torch
from torch import nn

from sparse_mcu.search.network.compiled.sampling import sample_images

TURN_DEGREES = 10.0
SHIFT = 0.1
SCALING = 0.1


def augment(images: torch.Tensor, strength: float, generator: torch.Generator) -> torch.Tensor:
    """Returns the images turned, shifted and scaled, each by random amounts of its own.

    At strength 1 an image is turned by up to TURN_DEGREES, shifted by up to SHIFT of its height and width, and scaled
    by up to SCALING. The amounts are uniformly distributed in both directions. Pixels from outside of an image repeat
    its border.

    Args:
        images: The images, float32 [n, channels, height, width], on any device.
        strength: The factor of the three amounts.
        generator: What draws the amounts. It draws on the CPU, so they are the same for every device.

    Returns:
        The changed images, float32, in the shape of `images`.
    """
    count, _, height, width = images.shape
    drawn = (2 * torch.rand(4, count, generator=generator).numpy() - 1) * np.float32(strength)
    angle, scale = drawn[0] * radians(TURN_DEGREES), 1 + drawn[1] * SCALING
    matrices = np.empty((count, 2, 3), np.float32)
    matrices[:, 0, 0] = matrices[:, 1, 1] = scale * np.cos(angle)
    matrices[:, 0, 1] = -scale * np.sin(angle) * height / width
    matrices[:, 1, 0] = scale * np.sin(angle) * width / height
    matrices[:, :, 2] = 2 * SHIFT * drawn[2:].T  # the coordinates of an image run from -1 to 1
    if images.device.type == "cpu":
        changed = torch.empty_like(images)
        sample_images(images.numpy(), matrices, changed.numpy())
        return changed
    return sample_by_torch(images, torch.from_numpy(matrices).to(images.device))


def sample_by_torch(images: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
    """Returns what `sample_images` computes, on any device; on a CPU it takes longer."""
    grid = nn.functional.affine_grid(matrices, list(images.shape), align_corners=False)
    return nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
