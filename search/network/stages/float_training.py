"""Trains a candidate on the CPU. Equal seeds and numbers of threads give equal weights on one machine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from sparse_mcu.search.data.dataset import Split
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.space.architecture import Architecture

EpochCallback = Callable[[int, int], None]


def train(
    architecture: Architecture, data: Split, recipe: Recipe, *, seed: int, on_epoch: EpochCallback | None = None
) -> Network:
    """Builds a network and trains it with AdamW under a one-cycle learning rate.

    The images that do not fill the last batch of an epoch are left out of that epoch.

    Args:
        architecture: The layers of the network.
        data: The training images and their labels.
        recipe: The epochs, the batch size, the learning rate and the threads.
        seed: The seed of the initial weights and of the order of the images.
        on_epoch: Called after each epoch with the number of epochs done and the number of all epochs.

    Returns:
        The trained network, in evaluation mode.
    """
    with _deterministic_torch(recipe.threads, seed):
        network = Network(architecture)
        images, labels = torch.from_numpy(data.images), torch.from_numpy(data.labels)
        steps = len(labels) // recipe.batch_size or 1
        optimiser = torch.optim.AdamW(network.parameters(), weight_decay=recipe.weight_decay, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, recipe.learning_rate, total_steps=recipe.epochs * steps + 1
        )
        for epoch in range(recipe.epochs):
            order = torch.randperm(len(labels))
            for batch in torch.split(order[: steps * recipe.batch_size], recipe.batch_size):
                loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
            if on_epoch is not None:
                on_epoch(epoch + 1, recipe.epochs)
    return network.eval()


def float_error(network: Network, data: Split) -> float:
    """Returns the share of images that the float network puts into a wrong class."""
    with torch.no_grad():
        predicted = network(torch.from_numpy(data.images)).argmax(dim=1)
    return float((predicted != torch.from_numpy(data.labels)).float().mean())


def is_finite(network: Network) -> bool:
    """Returns whether all weights and statistics are finite. If not, training has diverged."""
    return all(bool(values.isfinite().all()) for values in network.state_dict().values())


@contextmanager
def _deterministic_torch(threads: int, seed: int) -> Iterator[None]:
    """Seeds torch and fixes its threads in a `with` block. Both are restored afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(before)
