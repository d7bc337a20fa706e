"""Says whether a network begins so close to its parent that a short training is enough.

Two things tell before the training. The child must still put images into the classes into which its parent puts them:
their agreement must be at least LEAST_AGREEMENT. And the parent must have at least LEAST_SHARE of the child's weights:
what it does says little of what a larger child can learn. A child that fails either is trained anew, for all
epochs. docs/search.md says what was measured.
"""

import torch

from sparse_mcu.search.data.dataset import Images
from sparse_mcu.search.network.inheritance import inherit
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.space.architecture import Architecture

LEAST_AGREEMENT = 0.9
LEAST_SHARE = 0.8

_IMAGES = 256


def resembles(parent: Network, architecture: Architecture, images: Images) -> bool:
    """Returns whether a child of these layers begins close enough to its parent for a short training.

    Args:
        parent: The trained network.
        architecture: The layers of the child.
        images: The training images, of which some are looked at.
    """
    if parent.architecture.weights < LEAST_SHARE * architecture.weights:
        return False
    some = images[:_IMAGES]
    return agreement(parent, inherit(parent, architecture, some, seed=0), some) >= LEAST_AGREEMENT


def agreement(one: Network, other: Network, images: Images) -> float:
    """Returns how far two networks on one device put images into the same classes, beyond chance.

    It is Cohen's kappa, (p - q) / (1 - q): p is the share of images in the same class, and q the share that is expected
    if only the sizes of the classes agree (A Coefficient of Agreement for Nominal Scales, 1960). It is 1 if all classes
    are equal, and 0 if one network puts all images into one class: it knows nothing.

    Args:
        one: A network.
        other: A network of the same classes.
        images: float32 [n, channels, height, width].
    """
    shown = torch.from_numpy(images).to(next(one.parameters()).device)
    with torch.no_grad():
        logits = one(shown), other(shown)
    classes = [each.argmax(dim=1) for each in logits]
    sizes = [each.bincount(minlength=logits[0].shape[1]) / len(images) for each in classes]
    equal, by_chance = (classes[0] == classes[1]).float().mean(), (sizes[0] * sizes[1]).sum()
    return float((equal - by_chance) / (1 - by_chance)) if by_chance < 1 else 0.0
