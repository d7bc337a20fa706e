"""Trains a candidate, at once or in parts. Equal seeds give equal weights on one machine.

The training runs on a GPU if torch sees one. Otherwise compiled loops compute the gradients, on one core. The
training's own generator makes all random draws, on the CPU.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Self

import torch
from torch import nn

from sparse_mcu.search.data.dataset import Split
from sparse_mcu.search.network.compiled import CompiledNetwork
from sparse_mcu.search.network.inheritance import inherit
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.augmentation import augment
from sparse_mcu.search.space.architecture import Architecture

EpochCallback = Callable[[int, int], None]
RungCallback = Callable[[Network], None]
Gradients = Callable[[torch.Tensor, torch.Tensor], None]

_IMAGES_TO_INHERIT_BY = 256


@dataclass(slots=True, eq=False)
class TrainingState:
    """A training after some of its epochs. It contains all that the training needs to continue to the bit.

    Attributes:
        network: The network in evaluation mode, on the device that trains it.
        optimiser: AdamW with its moments. All parameters are one vector for it, since a step costs torch as much as
            hundreds of weights for each parameter.
        schedule: The one-cycle learning rate over all epochs of the recipe.
        generator: What draws the order of the images and their augmentation.
        recipe: How the network is trained.
        epochs_done: The number of epochs done.
    """

    network: Network
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    recipe: Recipe
    epochs_done: int = 0

    @classmethod
    def begin(
        cls, architecture: Architecture, data: Split, recipe: Recipe, *, seed: int, parent: Network | None = None
    ) -> Self:
        """Returns the state before the first epoch: a network with initial weights.

        Args:
            architecture: The layers of the network.
            data: The training images and their labels.
            recipe: The epochs, the batch size and the learning rate.
            seed: The seed of the initial weights, of the order of the images and of their augmentation.
            parent: A trained network whose weights go over as far as they suit; None if there is none.
        """
        if parent is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                network = Network(architecture).eval()
        else:
            network = inherit(parent, architecture, data.spread(_IMAGES_TO_INHERIT_BY).images, seed=seed)
        network = network.to(train_device())
        optimiser = torch.optim.AdamW([_flattened(network)], weight_decay=recipe.weight_decay, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            recipe.learning_rate,
            total_steps=recipe.epochs * steps_of(len(data.labels), recipe) + 1,
            pct_start=recipe.warm_up,
        )
        return cls(network, optimiser, schedule, torch.Generator().manual_seed(seed), recipe)

    def save(self, path: Path) -> None:
        """Writes the state to a file, for `resume`."""
        torch.save(
            {
                "network": self.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "schedule": self.schedule.state_dict(),
                "generator": self.generator.get_state(),
                "epochs_done": self.epochs_done,
            },
            path,
        )

    @classmethod
    def resume(cls, path: Path, architecture: Architecture, data: Split, recipe: Recipe) -> Self:
        """Reads the state that `save` wrote. Architecture, data and recipe must be the same as then."""
        stored = torch.load(path, map_location="cpu", weights_only=True)
        state = cls.begin(architecture, data, recipe, seed=0)
        state.network.load_state_dict(stored["network"])
        state.optimiser.load_state_dict(stored["optimiser"])
        state.schedule.load_state_dict(stored["schedule"])
        state.generator.set_state(stored["generator"])
        state.epochs_done = stored["epochs_done"]
        return state


def train(
    architecture: Architecture,
    data: Split,
    recipe: Recipe,
    *,
    seed: int,
    parent: Network | None = None,
    on_epoch: EpochCallback | None = None,
    on_rungs: Mapping[float, RungCallback] | None = None,
) -> Network:
    """Builds a network and trains it with AdamW under a one-cycle learning rate.

    The images that do not fill the last batch of an epoch are left out of that epoch.

    Args:
        architecture: The layers of the network.
        data: The training images and their labels.
        recipe: The epochs, the batch size, the learning rate, the augmentation and the threads.
        seed: The seed of the initial weights, of the order of the images and of their augmentation.
        parent: A trained network whose weights go over as far as they suit; None if there is none.
        on_epoch: Called after each epoch with the number of epochs done and the number of all epochs.
        on_rungs: Called with the network, in evaluation mode, after a share of the epochs, which is rounded up. They
            may end the training by an exception, and change nothing else.

    Returns:
        The trained network, in evaluation mode, on the CPU.
    """
    state = TrainingState.begin(architecture, data, recipe, seed=seed, parent=parent)
    for share, look in sorted((on_rungs or {}).items()):
        train_on(state, data, ceil(share * recipe.epochs) - state.epochs_done, on_epoch)
        look(state.network)
    train_on(state, data, recipe.epochs - state.epochs_done, on_epoch)
    return state.network.cpu()


def train_on(state: TrainingState, data: Split, epochs: int, on_epoch: EpochCallback | None = None) -> None:
    """Continues a training. A training in parts gives the same network as one at once, bit for bit.

    Args:
        state: The training, which is changed.
        data: The images and labels with which it began.
        epochs: The number of epochs to do, at most those that the recipe has left.
        on_epoch: Called after each epoch with the number of epochs done and the number of all epochs.
    """
    network, recipe, device = state.network, state.recipe, train_device()
    images, labels = torch.from_numpy(data.images).to(device), torch.from_numpy(data.labels).to(device)
    compute = _gradients_of(network, min(recipe.batch_size, len(labels)))
    with deterministic_torch(recipe.threads):
        network.train()
        for _ in range(epochs):
            for batch in batches_of(images, labels, network, recipe, state.generator):
                compute(*batch)
                state.optimiser.step()
                state.schedule.step()
            state.epochs_done += 1
            if on_epoch is not None:
                on_epoch(state.epochs_done, recipe.epochs)
        network.eval()


def batches_of(
    images: torch.Tensor, labels: torch.Tensor, network: Network, recipe: Recipe, generator: torch.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yields the images of an epoch in batches, in random order and augmented, with their labels.

    Args:
        images: The images, float32 [n, channels, height, width].
        labels: Their labels, int64 [n], on the same device.
        network: The network that sees them. Its size decides whether they are augmented.
        recipe: The batch size and the augmentation.
        generator: What draws the order and the augmentation, each batch's when it is asked for.
    """
    strength, size = recipe.augmentation_of(network.architecture), recipe.batch_size
    order = torch.randperm(len(labels), generator=generator)[: steps_of(len(labels), recipe) * size]
    for batch in torch.split(order.to(labels.device), size):
        shown = images.index_select(0, batch)
        yield augment(shown, strength, generator) if strength else shown, labels[batch]


def _flattened(network: Network) -> nn.Parameter:
    """Returns one vector of all parameters of a network. They and their gradients become views of it."""
    parameters = list(network.parameters())
    flat = nn.Parameter(torch.cat([each.detach().reshape(-1) for each in parameters]))
    flat.grad = torch.zeros_like(flat)
    sizes = [each.numel() for each in parameters]
    parts = zip(parameters, torch.split(flat.data, sizes), torch.split(flat.grad, sizes), strict=True)
    for parameter, values, gradients in parts:
        parameter.data, parameter.grad = values.view_as(parameter), gradients.view_as(parameter)
    return flat


def _gradients_of(network: Network, images: int) -> Gradients:
    """Returns a function that replaces the gradients of a network by those of a batch of `images` images."""
    if next(network.parameters()).device.type == "cpu":
        return CompiledNetwork(network, images).gradients

    def compute(shown: torch.Tensor, labels: torch.Tensor) -> None:
        network.zero_grad(set_to_none=False)
        nn.functional.cross_entropy(network(shown), labels).backward()  # type: ignore[no-untyped-call]

    return compute


def float_error(network: Network, data: Split) -> float:
    """Returns the share of images that the float network puts into a wrong class."""
    device = next(network.parameters()).device
    with torch.no_grad():
        predicted = network(torch.from_numpy(data.images).to(device)).argmax(dim=1).cpu()
    return float((predicted != torch.from_numpy(data.labels)).float().mean())


def is_finite(network: Network) -> bool:
    """Returns whether all weights and statistics are finite. If not, training has diverged."""
    return all(bool(values.isfinite().all()) for values in network.state_dict().values())


def steps_of(images: int, recipe: Recipe) -> int:
    """Returns the number of batches in an epoch: the full ones, or one of all images."""
    return images // recipe.batch_size or 1


def train_device() -> torch.device:
    """Returns the device that trains: a GPU if torch sees one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def deterministic_torch(threads: int) -> Iterator[None]:
    """Fixes torch's threads and its choice of GPU kernels in a `with` block. Both are restored afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.backends.cudnn.flags(benchmark=False, deterministic=True):
            yield
    finally:
        torch.set_num_threads(before)
