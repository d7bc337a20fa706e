"""Small turns, shifts and changes of size, so that a network sees no training image twice as it is."""

from math import radians

import torch
from torch import nn

TURN_DEGREES = 10.0
SHIFT = 0.1
SCALING = 0.1


def augment(images: torch.Tensor, strength: float, generator: torch.Generator) -> torch.Tensor:
    """Turn, shift and scale every image by amounts of its own; what comes in from outside repeats the border.

    At strength 1 an image is turned by up to TURN_DEGREES, shifted by up to SHIFT of its height and width, and scaled
    by up to SCALING, each evenly distributed in both directions.

    Args:
        images: float32 [n, channels, height, width], on any device.
        strength: Factor of the three amounts.
        generator: Draws them, on the CPU, so that they are the same for every device.

    Returns:
        float32, shaped as `images`.
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
