"""Says how a candidate is trained and for how long. A study's settings contain the recipe."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from sparse_mcu.costmodel.records import Record


class Recipe(Record):
    """A training recipe.

    Attributes:
        epochs: The number of passes over the training images.
        batch_size: The number of images in a step.
        learning_rate: The peak of the one-cycle schedule (Smith and Topin, 2019).
        weight_decay: The weight decay of AdamW.
        threads: The number of torch's threads. It is fixed, because another number adds floats in another order, which
            gives other weights.
    """

    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: Annotated[float, Field(gt=0)] = 0.02
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    threads: Annotated[int, Field(ge=1)] = 1


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
    "mnist": Recipe(epochs=3, batch_size=128),
}
_DEFAULT = Recipe(epochs=15)


def recipe_for(dataset: str) -> Recipe:
    """Returns the recipe for a dataset. Unknown datasets get one that suits a few thousand images."""
    return _BY_DATASET.get(dataset, _DEFAULT)
