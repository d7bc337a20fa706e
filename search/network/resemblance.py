"""Says whether a network begins so close to its parent that a short training is enough.

Three things tell before the training. The parent must have learnt something: its agreement with the labels must be at
least LEAST_KNOWLEDGE. The child must still put images into the classes into which its parent puts them: their agreement
must be at least LEAST_AGREEMENT. And the parent must have at least LEAST_SHARE of the child's weights: what it does
says little of what a larger child can learn. A child that fails one of them is trained anew, for all epochs.
docs/search.md says what was measured.
"""

import torch

from sparse_mcu.search.data.dataset import Images, Split
from sparse_mcu.search.network.inheritance import inherit
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.space.architecture import Architecture

LEAST_KNOWLEDGE = 0.5
LEAST_AGREEMENT = 0.9
LEAST_SHARE = 0.8

_IMAGES = 256


def resembles(parent: Network, architecture: Architecture, data: Split) -> bool:
    """Returns whether a child of these layers begins close enough to its parent for a short training.

    Args:
        parent: The trained network.
        architecture: The layers of the child.
        data: The training images, of which some are looked at, and their labels.
    """
    if parent.architecture.weights < LEAST_SHARE * architecture.weights:
        return False
    some = data.spread(_IMAGES)
    images, labels = some.images, torch.from_numpy(some.labels)
    known = classes_of(parent, images)
    if agreement(known, labels) < LEAST_KNOWLEDGE:
        return False
    child = inherit(parent, architecture, images, seed=0)
    return agreement(known, classes_of(child, images)) >= LEAST_AGREEMENT


def classes_of(network: Network, images: Images) -> torch.Tensor:
    """Returns the class into which a network puts each image, int64 [images], on the CPU."""
    with torch.no_grad():
        logits: torch.Tensor = network(torch.from_numpy(images).to(next(network.parameters()).device))
    return logits.argmax(dim=1).cpu()


def agreement(one: torch.Tensor, other: torch.Tensor) -> float:
    """Returns how far two lists of classes agree, beyond chance.

    It is Cohen's kappa, (p - q) / (1 - q): p is the share of equal classes, and q the share that is expected if only
    the sizes of the classes agree (A Coefficient of Agreement for Nominal Scales, 1960). It is 1 if all classes are
    equal, and 0 if one list contains one class only: who answers always the same knows nothing.

    Args:
        one: Classes, int64 [n].
        other: Classes of the same n images.
    """
    count = int(torch.cat([one, other]).max()) + 1
    sizes = [each.bincount(minlength=count) / len(each) for each in (one, other)]
    equal, by_chance = float((one == other).float().mean()), float((sizes[0] * sizes[1]).sum())
    return (equal - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
