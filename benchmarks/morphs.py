"""Measures what inherited weights are worth: `python -m sparse_mcu.benchmarks.morphs --help`.

Random parents are trained. Each one gives its weights to random networks that are one move away, which train for a
share of the epochs. The same networks are trained anew, for all epochs. The accuracies are those of the float networks
on MNIST's own test images if a folder has them, otherwise on the test part of mnist5k.
"""

from pathlib import Path

import click
import numpy as np
import torch

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.loaders import mnist, mnist5k
from sparse_mcu.search.network.recipe import recipe_for
from sparse_mcu.search.network.stages.float_training import float_error, train
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.moves import neighbours
from sparse_mcu.search.space.space import Space, build_architecture


@click.command()
@click.option("--parents", default=10, show_default=True, help="The number of random parents.")
@click.option("--children", default=3, show_default=True, help="The number of morphs of each parent.")
@click.option("--share", default=0.3, show_default=True, help="The share of the epochs that a morph gets.")
@click.option("--epochs", type=int, help="The epochs of parents and of networks trained anew; the recipe's.")
@click.option("--augmentation", type=float, help="The strength of augmentation; the recipe's.")
@click.option("--seed", default=0, show_default=True, help="The seed of all random choices.")
@click.option("--folder", type=click.Path(path_type=Path), help="The folder of MNIST's files.")
def main(
    *,
    parents: int,
    children: int,
    share: float,
    epochs: int | None,
    augmentation: float | None,
    seed: int,
    folder: Path | None,
) -> None:
    """Prints the accuracies of morphs and of the same networks trained anew, and the mean of their difference."""
    torch.set_num_threads(1)
    dataset, rng = mnist5k.load(None), np.random.default_rng(seed)
    try:
        test = mnist.load(folder).test
    except DatasetError:
        test = dataset.test
    given = {"epochs": epochs, "augmentation": augmentation}
    recipe = recipe_for("mnist5k").model_copy(update={name: each for name, each in given.items() if each is not None})
    space, differences = Space(dataset.task), []
    for number in range(parents):
        configuration = space.sample(rng)
        parent = train(build_architecture(configuration, dataset.task), dataset.train, recipe, seed=number)
        click.echo(f"{100 - 100 * float_error(parent, test):.2f} %  parent {describe(configuration)}")
        for child in neighbours(configuration, space, rng, children):
            layers = build_architecture(child, dataset.task)
            short = recipe.shortened(share)
            morph = train(layers, dataset.train, short, seed=number, parent=parent)
            anew = train(layers, dataset.train, recipe, seed=number)
            errors = [100 * float_error(each, test) for each in (morph, anew)]
            differences.append(errors[1] - errors[0])
            click.echo(f"  morph {100 - errors[0]:.2f} %  anew {100 - errors[1]:.2f} %  {describe(child)}")
    error = float(np.std(differences, ddof=1)) / len(differences) ** 0.5
    click.echo(
        f"{len(differences)} pairs: a morph after {short.epochs} of {recipe.epochs} epochs is "
        f"{float(np.mean(differences)):+.2f} +- {error:.2f} points better in the mean, "
        f"{float(np.median(differences)):+.2f} in the median"
    )


if __name__ == "__main__":
    main()
