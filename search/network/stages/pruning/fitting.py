"""Continues the training of a network with a penalty and more parameters, as methods of pruning need it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi

import torch
from torch import nn

from sparse_mcu.search.data.dataset import Split
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import (
    EpochCallback,
    batches_of,
    deterministic_torch,
    steps_of,
    train_device,
)

_TRAVEL = 40.0
_ANNEALED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """The data of a training that continues, and how it goes.

    Attributes:
        data: The training images and their labels.
        recipe: The batch size, the weight decay, the augmentation and the threads.
        epochs: The number of passes over the training images.
        seed: The seed of the order of the images, of their augmentation and of the noise.
        rate: The learning rate of the weights at first, as a share of the recipe's. It falls to zero along half a
            cosine.
        on_epoch: Called after each epoch with the number of epochs done and the number of all epochs.
    """

    data: Split
    recipe: Recipe
    epochs: int
    seed: int
    rate: float = 0.1
    on_epoch: EpochCallback | None = None


class Extra:
    """What a method of pruning adds to a training. This one adds nothing; methods override what they need."""

    def means(self) -> Sequence[nn.Parameter]:
        """Returns the means that are trained beside the network, at the learning rate of the recipe."""
        return ()

    def log_variances(self) -> Sequence[nn.Parameter]:
        """Returns the logarithms of variances that are trained beside the network. They get no weight decay.

        Their learning rate is constant, and so large that Adam can move them by _TRAVEL in all: from far below to far
        above the squares of the values, however short the training is.
        """
        return ()

    def divergence(self) -> torch.Tensor | None:
        """Returns the divergence from the priors in nats, times the method's strength; None if there is none."""
        return None

    def after_step(self, share: float) -> None:
        """Changes the weights after a step.

        Args:
            share: The share of the training that is done, above 0, and 1 after the last step.
        """


def fit(network: Network, lesson: Lesson, extra: Extra) -> None:
    """Trains a network in place, and leaves it in evaluation mode. A seed gives the same weights on one machine.

    The loss is the cross-entropy plus the divergence by the number of images, as in a variational bound. The factor of
    the divergence rises from 0 to 1 during the first half.

    Args:
        network: The trained network, on the device that trains it.
        lesson: The data, and how the training goes.
        extra: What the method adds.
    """
    data, recipe, device = lesson.data, lesson.recipe, train_device()
    images = torch.from_numpy(data.images).to(device=device, memory_format=torch.channels_last)
    labels, generator = torch.from_numpy(data.labels).to(device), torch.Generator().manual_seed(lesson.seed)
    trainer = _Trainer(network, lesson, extra, total=lesson.epochs * steps_of(len(data.labels), recipe))
    with deterministic_torch(recipe.threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(lesson.seed)
        network.train()
        for epoch in range(lesson.epochs):
            for shown, classes in batches_of(images, labels, network, recipe, generator):
                trainer.step(shown.contiguous(memory_format=torch.channels_last), classes)
            if lesson.on_epoch is not None:
                lesson.on_epoch(epoch + 1, lesson.epochs)
        network.eval()


class _Trainer:
    """Makes the steps of a training."""

    def __init__(self, network: Network, lesson: Lesson, extra: Extra, *, total: int) -> None:
        self.network, self.extra, self.total, self.done = network, extra, total, 0
        self.images, recipe = len(lesson.data.labels), lesson.recipe
        rate, decay = recipe.learning_rate, recipe.weight_decay
        groups = [
            ({"params": list(network.parameters()), "lr": lesson.rate * rate, "weight_decay": decay}, self._falling),
            ({"params": list(extra.means()), "lr": rate, "weight_decay": 0.0}, self._falling),
            ({"params": list(extra.log_variances()), "lr": _TRAVEL / total, "weight_decay": 0.0}, lambda _: 1.0),
        ]
        used, rates = zip(*[(group, factor) for group, factor in groups if group["params"]], strict=True)
        self.optimiser = torch.optim.AdamW(list(used), fused=True)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, list(rates))

    def _falling(self, step: int) -> float:
        return (1 + cos(pi * step / self.total)) / 2

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Makes one step on a batch."""
        loss = nn.functional.cross_entropy(self.network(images), labels)
        divergence = self.extra.divergence()
        if divergence is not None:
            loss = loss + min(1.0, self.done / self.total / _ANNEALED) * divergence / self.images
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.schedule.step()
        self.done += 1
        self.extra.after_step(self.done / self.total)
