"""How long and how a candidate is trained; part of a study's settings."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from sparse_mcu.costmodel.records import Record
from sparse_mcu.search.space.architecture import Architecture


class Recipe(Record):
    """A training recipe.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images per step.
        learning_rate: Peak of the one-cycle schedule (Smith and Topin, 2019).
        weight_decay: Of AdamW.
        augmentation: Strength of the turns, shifts and scalings of `sparse_mcu.search.network.stages.augmentation`;
            0: none.
        least_augmented_weights: Networks of fewer weights see the images as they are. They are too small to learn
            what is never the same, and become worse by it.
        least_augmented_macs: Likewise, in multiply-accumulates of an inference.
        threads: Threads of torch; fixed, because sums in another order give other weights.
    """

    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: Annotated[float, Field(gt=0)] = 0.02
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    augmentation: Annotated[float, Field(ge=0)] = 0.0
    least_augmented_weights: Annotated[int, Field(ge=0)] = 1500
    least_augmented_macs: Annotated[int, Field(ge=0)] = 10_000
    threads: Annotated[int, Field(ge=1)] = 1

    def augmentation_of(self, architecture: Architecture) -> float:
        """The strength of augmentation for a network of that size."""
        is_large = architecture.weights >= self.least_augmented_weights
        return self.augmentation if is_large and architecture.macs >= self.least_augmented_macs else 0.0


_BY_DATASET: Mapping[str, Recipe] = {
    "cifar10": Recipe(epochs=6, batch_size=128, threads=2),
    "digits": Recipe(epochs=40),
    "mnist": Recipe(epochs=3, batch_size=128),
}
_DEFAULT = Recipe(epochs=25, batch_size=128, learning_rate=0.03, augmentation=1.0)


def recipe_for(dataset: str) -> Recipe:
    """The recipe that suits a dataset; one for a few thousand images where nothing better is known."""
    return _BY_DATASET.get(dataset, _DEFAULT)
