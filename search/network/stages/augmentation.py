"""Turns, shifts and scales training images a little, so that a network never sees the same image twice."""

from math import radians

import torch
from torch import nn

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
    angle, scale, right, down = (2 * torch.rand(4, count, generator=generator) - 1) * strength
    angle, scale = angle * radians(TURN_DEGREES), 1 + scale * SCALING
    right, down = 2 * SHIFT * right, 2 * SHIFT * down  # affine_grid's coordinates run from -1 to 1
    across, along = scale * angle.sin() * height / width, scale * angle.sin() * width / height
    straight = scale * angle.cos()
    rows = (torch.stack((straight, -across, right), dim=1), torch.stack((along, straight, down), dim=1))
    matrices = torch.stack(rows, dim=1).to(images.device)
    grid = nn.functional.affine_grid(matrices, list(images.shape), align_corners=False)
    return nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
