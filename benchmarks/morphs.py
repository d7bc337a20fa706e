"""Measures what inherited weights are worth: `python -m sparse_mcu.benchmarks.morphs --help`.

Random networks are trained. Those on the front of validation error and weights become parents, as in a search. Each one
in turn gives its weights to a network that is one move away and has other layers. This morph trains for a share of the
epochs; the same network is also trained anew, for all epochs. The accuracies are those of the float networks on MNIST's
own test images. These chose nothing.
"""

from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import click
import numpy as np
import torch

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.loaders import mnist5k
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe, recipe_for
from sparse_mcu.search.network.stages.float_training import float_error, train
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.moves import neighbours
from sparse_mcu.search.space.space import Space, build_architecture


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A trained network that may become a parent."""

    configuration: Configuration
    network: Network
    error: float

    def is_better_than(self, other: "Candidate") -> bool:
        """Returns whether the other one has no less error and no fewer weights, and more of one of them."""
        ours, theirs = ((each.error, each.network.architecture.weights) for each in (self, other))
        return ours != theirs and ours[0] <= theirs[0] and ours[1] <= theirs[1]


def front_of(
    dataset: Dataset, recipe: Recipe, rng: np.random.Generator, *, count: int, most_macs: int
) -> list[Candidate]:
    """Trains random networks, and returns those with the least validation error for their weights."""
    space, candidates = Space(dataset.task), list[Candidate]()
    while len(candidates) < count:
        configuration = space.sample(rng)
        architecture = build_architecture(configuration, dataset.task)
        if architecture.macs <= most_macs:
            own = recipe.with_augmentation(configuration.augmentation)
            network = train(architecture, dataset.train, own, seed=len(candidates))
            candidates.append(Candidate(configuration, network, float_error(network, dataset.validation)))
    return [each for each in candidates if not any(other.is_better_than(each) for other in candidates)]


def morph_of(parent: Candidate, space: Space, rng: np.random.Generator, *, most_macs: int) -> Configuration:
    """Returns a random configuration one move away from the parent, with other layers."""
    while True:
        (child,) = neighbours(parent.configuration, space, rng, 1)
        layers = build_architecture(child, space.task)
        if layers != parent.network.architecture and layers.macs <= 2 * most_macs:
            return child


@click.command()
@click.option("--networks", default=16, show_default=True, help="The number of random networks before the first morph.")
@click.option("--pairs", default=30, show_default=True, help="The number of morphs.")
@click.option("--share", default=0.3, show_default=True, help="The share of the epochs that a morph gets.")
@click.option("--epochs", type=int, help="The epochs of parents and of networks trained anew; the recipe's.")
@click.option("--most-macs", default=80_000, show_default=True, help="The most multiply-accumulates of a parent.")
@click.option("--seed", default=0, show_default=True, help="The seed of all random choices.")
@click.option("--folder", type=click.Path(path_type=Path), help="The folder of MNIST's files.")
def main(
    *, networks: int, pairs: int, share: float, epochs: int | None, most_macs: int, seed: int, folder: Path | None
) -> None:
    """Prints the accuracies of morphs and of the same networks trained anew, and the mean of their difference."""
    torch.set_num_threads(1)
    dataset, rng = mnist5k.load(folder), np.random.default_rng(seed)
    test = dataset.test
    recipe = recipe_for("mnist5k")
    recipe = recipe if epochs is None else recipe.model_copy(update={"epochs": epochs})
    parents = front_of(dataset, recipe, rng, count=networks, most_macs=most_macs)
    for parent in parents:
        click.echo(f"parent {100 - 100 * float_error(parent.network, test):.2f} %  {describe(parent.configuration)}")
    differences = []
    for number, parent in enumerate(islice(cycle(parents), pairs)):
        child = morph_of(parent, Space(dataset.task), rng, most_macs=most_macs)
        layers, own = build_architecture(child, dataset.task), recipe.with_augmentation(child.augmentation)
        morph = train(layers, dataset.train, own.shortened(share), seed=number, parent=parent.network)
        anew = train(layers, dataset.train, own, seed=number)
        errors = [100 * float_error(each, test) for each in (morph, anew)]
        differences.append(errors[1] - errors[0])
        click.echo(f"morph {100 - errors[0]:.2f} %  anew {100 - errors[1]:.2f} %  {describe(child)}")
    error = float(np.std(differences, ddof=1)) / len(differences) ** 0.5
    click.echo(
        f"{len(differences)} pairs: a morph after {recipe.shortened(share).epochs} of {recipe.epochs} epochs is "
        f"{float(np.mean(differences)):+.2f} +- {error:.2f} points better in the mean, "
        f"{float(np.median(differences)):+.2f} in the median"
    )


if __name__ == "__main__":
    main()
