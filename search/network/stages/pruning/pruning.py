"""Prunes a trained network by one of several methods, and tunes what is left."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import torch

from sparse_mcu.search.data.dataset import Split
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import EpochCallback, train_device
from sparse_mcu.search.network.stages.pruning.bayesian import prune_by_bayesian_compression
from sparse_mcu.search.network.stages.pruning.fitting import Extra, Lesson, fit
from sparse_mcu.search.network.stages.pruning.layers import Masks, apply_masks, nonzero_masks
from sparse_mcu.search.network.stages.pruning.magnitude import prune_by_magnitude
from sparse_mcu.search.network.stages.pruning.removal import without_unused
from sparse_mcu.search.network.stages.pruning.variational import prune_by_variational_dropout
from sparse_mcu.search.space.configuration import Pruning, PruningKind

_TUNING = 2
"""How many epochs of tuning follow for each epoch of the recipe. A pruned network is quick to tune."""

_TUNING_RATE = 0.5


class Method(Protocol):
    """A method of pruning."""

    def __call__(self, network: Network, lesson: Lesson, strength: float) -> Network:
        """Trains a network and prunes it meanwhile; `strength` is that of `Pruning`. The network may be changed."""
        ...


METHODS: Mapping[PruningKind, Method] = {
    "magnitude": prune_by_magnitude,
    "variational": prune_by_variational_dropout,
    "bayesian": prune_by_bayesian_compression,
}


class _KeptZeros(Extra):
    """Keeps zeros at zero."""

    def __init__(self, network: Network, masks: Masks) -> None:
        self.network, self.masks = network, masks

    def after_step(self, share: float) -> None:  # noqa: ARG002 - the share does not matter
        apply_masks(self.network, self.masks)


def prune(
    network: Network,
    data: Split,
    recipe: Recipe,
    pruning: Pruning,
    *,
    seed: int,
    on_epoch: EpochCallback | None = None,
) -> Network:
    """Prunes a trained network.

    The method trains it for as many epochs as the recipe has. Then the channels leave that nothing uses. Twice as
    many epochs tune the rest; zeros stay zero.

    Args:
        network: The trained network. It is not changed.
        data: The training images and their labels.
        recipe: How the network was trained.
        pruning: The method and its strength.
        seed: The seed of the order of the images, of their augmentation and of the noise.
        on_epoch: Called after each epoch with the number of epochs done and the number of all epochs.

    Returns:
        The pruned network, in evaluation mode, on the CPU. It may have fewer channels; its architecture says how many.
    """
    tuning = _TUNING * recipe.epochs

    def lesson(epochs: int, seed: int, before: int) -> Lesson:
        def after(done: int, _: int) -> None:
            if on_epoch is not None:
                on_epoch(before + done, recipe.epochs + tuning)

        return Lesson(data=data, recipe=recipe, epochs=epochs, seed=seed, on_epoch=after)

    copied = _moved(copy.deepcopy(network), train_device(), torch.channels_last)
    pruned = METHODS[pruning.kind](copied, lesson(recipe.epochs, seed, 0), pruning.strength)
    pruned = _moved(without_unused(pruned), train_device(), torch.channels_last)
    last = replace(lesson(tuning, seed + 1, recipe.epochs), rate=_TUNING_RATE)
    fit(pruned, last, _KeptZeros(pruned, nonzero_masks(pruned)))
    return _moved(pruned, torch.device("cpu"), torch.contiguous_format)


def _moved(network: Network, device: torch.device, layout: torch.memory_format) -> Network:
    return network.to(device=device, memory_format=layout)  # type: ignore[call-overload,no-any-return]
