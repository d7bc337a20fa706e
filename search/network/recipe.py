"""Says how a candidate is trained and for how long. A study's settings contain the recipe."""

from collections.abc import Mapping
from math import ceil
from typing import Annotated, Self

from pydantic import Field

from sparse_mcu.costmodel.records import Record
from sparse_mcu.search.space.architecture import Architecture


class Recipe(Record):
    """A training recipe.

    Attributes:
        epochs: The number of passes over the training images.
        batch_size: The number of images in a step.
        learning_rate: The peak of the one-cycle schedule (Smith and Topin, 2019).
        weight_decay: The weight decay of AdamW.
        augmentation: The strength of the turns, shifts and scalings of
            `sparse_mcu.search.network.stages.augmentation`; 0 leaves the images as they are.
        least_augmented_weights: Networks of fewer weights see the images as they are. They are too small to learn from
            images that always change, and augmentation makes them worse.
        least_augmented_macs: The same bound, in multiply-accumulates of an inference.
        warm_up: The share of the steps in which the learning rate rises to its peak.
        threads: The number of torch's threads. It is fixed, because another number adds floats in another order, which
            gives other weights. The compiled loops of training use one core; torch prunes and fine-tunes.
    """

    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: Annotated[float, Field(gt=0)] = 0.02
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    augmentation: Annotated[float, Field(ge=0)] = 0.0
    least_augmented_weights: Annotated[int, Field(ge=0)] = 1500
    least_augmented_macs: Annotated[int, Field(ge=0)] = 10_000
    warm_up: Annotated[float, Field(ge=0, lt=1)] = 0.3
    threads: Annotated[int, Field(ge=1)] = 1

    def shortened(self, share: float) -> Self:
        """Returns the recipe for a network that begins with the weights of a similar one.

        The batches are a quarter as large, so each epoch has four times the steps. The learning rate begins at half the
        peak and only falls, since the weights need no warm-up. docs/search.md says what else was tried.

        Args:
            share: The share of the epochs that the network gets, rounded up to whole epochs.
        """
        return self.model_copy(
            update={
                "epochs": ceil(round(self.epochs * share, 6)),
                "batch_size": max(2, self.batch_size // 4),
                "learning_rate": self.learning_rate / 2,
                "warm_up": 0.0,
            }
        )

    def with_epochs(self, epochs: int | None) -> Self:
        """Returns the recipe with another number of epochs; None returns it as it is."""
        return self if epochs is None else self.model_copy(update={"epochs": epochs})

    def with_augmentation(self, strength: float | None) -> Self:
        """Returns the recipe with a strength of augmentation that holds for networks of every size.

        Args:
            strength: The strength; None returns the recipe as it is.
        """
        if strength is None:
            return self
        return self.model_copy(
            update={"augmentation": strength, "least_augmented_weights": 0, "least_augmented_macs": 0}
        )

    def augmentation_of(self, architecture: Architecture) -> float:
        """Returns the strength of augmentation for a network: 0 if it is too small."""
        is_large = architecture.weights >= self.least_augmented_weights
        return self.augmentation if is_large and architecture.macs >= self.least_augmented_macs else 0.0


_BY_DATASET: Mapping[str, Recipe] = {
    "chars": Recipe(epochs=8, batch_size=128),
    "chars74k": Recipe(epochs=20),
    "chars74k-binary": Recipe(epochs=20),
    "cifar10": Recipe(epochs=6, batch_size=128, threads=2),
    "cifar10-binary": Recipe(epochs=6, batch_size=128, threads=2),
    "curet": Recipe(epochs=20),
    "digits": Recipe(epochs=40),
    "fashion-mnist": Recipe(epochs=3, batch_size=128),
    "folder": Recipe(epochs=40, batch_size=32),
    "mnist": Recipe(epochs=30, batch_size=128, augmentation=0.5),
}
_DEFAULT = Recipe(epochs=15, batch_size=128, learning_rate=0.03, augmentation=0.5)


def recipe_for(dataset: str) -> Recipe:
    """Returns the recipe for a dataset. Unknown datasets get one that suits a few thousand images."""
    return _BY_DATASET.get(dataset, _DEFAULT)
