"""Augmented images are turned, shifted and scaled by what is said, and by no more."""

import numpy as np
import pytest
import torch

from sparse_mcu.search.network.compiled.sampling import sample_images
from sparse_mcu.search.network.stages.augmentation import SCALING, SHIFT, TURN_DEGREES, augment, sample_by_torch


def spots(image: torch.Tensor) -> np.ndarray:
    """Centres of gravity, (row, column), of the left and the right half's light."""
    values = image.numpy().astype(float)
    height, width = values.shape
    rows, columns = np.mgrid[:height, :width]
    halves = [values * (columns < width / 2), values * (columns >= width / 2)]
    return np.array([[(half * rows).sum(), (half * columns).sum()] / half.sum() for half in halves])


@pytest.mark.parametrize(("height", "width"), [(60, 60), (40, 90)])
def test_two_spots_move_as_a_turn_a_shift_and_a_scaling_say(height: int, width: int) -> None:
    image = torch.zeros(1, 1, height, width)
    distance, middle = width // 3, height // 2
    left = (width - distance) // 2
    for column in (left, left + distance):
        image[0, 0, middle - 1 : middle + 2, column - 1 : column + 2] = 1.0
    made = augment(image.repeat(400, 1, 1, 1), 1.0, torch.Generator().manual_seed(0))
    before, after = spots(image[0, 0]), np.stack([spots(each[0]) for each in made])
    apart = after[:, 1] - after[:, 0]
    length, angle = np.hypot(*apart.T) / distance, np.degrees(np.arctan2(apart[:, 0], apart[:, 1]))
    moved = (after.mean(axis=1) - before.mean(axis=0)) / (height, width)
    assert TURN_DEGREES * 0.9 < np.abs(angle).max() < TURN_DEGREES + 1
    assert 1 / (1 + SCALING) - 0.02 < length.min() < 0.94
    assert 1.06 < length.max() < 1 / (1 - SCALING) + 0.02
    assert np.all(np.abs(moved).max(axis=0) > SHIFT * 0.9)
    turned = 1 + np.sin(np.radians(TURN_DEGREES)) * max(height, width) / min(height, width)
    assert np.all(np.abs(moved).max(axis=0) < SHIFT * turned / (1 - SCALING))  # the shift is turned and scaled as well


def test_the_generator_decides_and_no_strength_changes_nothing() -> None:
    images = torch.rand(8, 3, 9, 9, generator=torch.Generator().manual_seed(1))
    first, again, other = (augment(images, 1.0, torch.Generator().manual_seed(seed)) for seed in (2, 2, 3))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.allclose(augment(images, 0.0, torch.Generator()), images, atol=1e-5)


def test_what_comes_from_outside_repeats_the_border() -> None:
    images = torch.full((8, 1, 9, 9), 0.75)
    assert torch.allclose(augment(images, 1.0, torch.Generator()), images)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 9, 14), (2, 1, 5)])
def test_the_compiled_loop_samples_as_torch_does(shape: tuple[int, int, int]) -> None:
    generator = torch.Generator().manual_seed(4)
    images, matrices = torch.rand(20, *shape, generator=generator), torch.randn(20, 2, 3, generator=generator)
    ours = torch.empty_like(images)
    sample_images(images.numpy(), matrices.numpy(), ours.numpy())
    assert torch.allclose(ours, sample_by_torch(images, matrices), atol=1e-5)
