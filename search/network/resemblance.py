"""Says whether a network begins so close to its parent that a short training is enough.

Two things tell before the training. The child must still do what its parent does: at least LEAST_AGREEMENT of some
images stay in the class into which the parent puts them. And at least LEAST_SHARE of the child's weights must be known:
what a parent does says little of what a far larger child can learn. A child that fails either is trained anew, for all
epochs. docs/search.md says what was measured.
"""

import torch

from sparse_mcu.search.data.dataset import Images
from sparse_mcu.search.network.inheritance import inherit
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.space.architecture import Architecture

LEAST_AGREEMENT = 0.9
LEAST_SHARE = 0.5

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
    """Returns the share of images that two networks on one device put into the same class."""
    shown = torch.from_numpy(images).to(next(one.parameters()).device)
    with torch.no_grad():
        return float((one(shown).argmax(dim=1) == other(shown).argmax(dim=1)).float().mean())
