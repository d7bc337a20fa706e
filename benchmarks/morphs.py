"""Measures what inherited weights are worth: `python -m sparse_mcu.benchmarks.morphs --help`.

Random networks are trained. Each one becomes the parent of at most one pair, since children of one parent share its
luck. Random moves change it until a child of other layers begins close enough (`resembles`). The child inherits its
weights and trains for a share of the epochs; the same network is also trained anew, for all epochs. The accuracies are
those of the float networks on MNIST's own test images. These chose nothing. A parent of which no child begins close
enough gives no pair, because a search trains such children anew.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import click
import numpy as np
import torch

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.loaders import mnist5k
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe, recipe_for
from sparse_mcu.search.network.resemblance import resembles
from sparse_mcu.search.network.stages.float_training import float_error, train
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.moves import MOVES, moved
from sparse_mcu.search.space.space import Space, build_architecture

_CHILDREN = 12
"""How many children of a parent are looked at."""

_PARENTS = 10
"""How many networks are trained at most for each pair."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A move that makes another network of a trained one."""

    parent: Network
    move: str
    child: Configuration


def parents_of(
    dataset: Dataset, recipe: Recipe, rng: np.random.Generator, *, most_macs: int
) -> Iterator[tuple[Configuration, Network]]:
    """Yields random networks and their trained weights."""
    space = Space(dataset.task)
    for seed in count():
        configuration = space.sample(rng)
        architecture = build_architecture(configuration, dataset.task)
        if architecture.macs <= most_macs:
            own = recipe.with_augmentation(configuration.augmentation)
            yield configuration, train(architecture, dataset.train, own, seed=seed)


def changes_of(
    configuration: Configuration, parent: Network, dataset: Dataset, rng: np.random.Generator
) -> Iterator[Change]:
    """Yields random changes that lead to other layers, as many as moves are drawn. No network comes twice."""
    space, seen = Space(dataset.task), {configuration}
    for move in rng.choice(np.array(MOVES, object), _CHILDREN):
        child = moved(configuration, move, space, rng)
        if child is not None and child not in seen:
            seen.add(child)
            if build_architecture(child, dataset.task) != parent.architecture:
                yield Change(parent, move.__name__, child)


def close_change(changes: Iterator[Change], dataset: Dataset, refused: Counter[str]) -> Change | None:
    """Returns the first change whose child begins close enough to its parent; the moves of the others are counted."""
    for change in changes:
        if resembles(change.parent, build_architecture(change.child, dataset.task), dataset.train):
            return change
        refused[change.move] += 1
    return None


@dataclass(frozen=True, slots=True)
class Pair:
    """A morph and the same network trained anew.

    Attributes:
        change: How the morph came about.
        errors: The percentages of test images that the morph and the other one put into a wrong class.
        seconds: The CPU seconds of their trainings.
    """

    change: Change
    errors: tuple[float, float]
    seconds: tuple[float, float]

    @property
    def gain(self) -> float:
        """Returns by how many points the morph is better."""
        return self.errors[1] - self.errors[0]


def compared(change: Change, dataset: Dataset, recipe: Recipe, share: float, seed: int) -> Pair:
    """Trains a network as a morph and anew."""
    layers = build_architecture(change.child, dataset.task)
    own = recipe.with_augmentation(change.child.augmentation)
    begin = time.process_time()
    morph = train(layers, dataset.train, own.shortened(share), seed=seed, parent=change.parent)
    middle = time.process_time()
    anew = train(layers, dataset.train, own, seed=seed)
    seconds = (middle - begin, time.process_time() - middle)
    errors = (100 * float_error(morph, dataset.test), 100 * float_error(anew, dataset.test))
    return Pair(change, errors, seconds)


def summary(pairs: Sequence[Pair]) -> str:
    """Returns the gains of pairs as text: the mean with its standard error, and the median."""
    gains = [pair.gain for pair in pairs]
    error = np.std(gains, ddof=1) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
    return f"{np.mean(gains):+.2f} +- {error:.2f} points better in the mean, {np.median(gains):+.2f} in the median"


@click.command()
@click.option("--pairs", default=30, show_default=True, help="The number of morphs.")
@click.option("--share", default=0.3, show_default=True, help="The share of the epochs that a morph gets.")
@click.option("--epochs", type=int, help="The epochs of parents and of networks trained anew; the recipe's.")
@click.option("--most-macs", default=80_000, show_default=True, help="The most multiply-accumulates of a parent.")
@click.option("--seed", default=0, show_default=True, help="The seed of all random choices.")
@click.option("--folder", type=click.Path(path_type=Path), help="The folder of MNIST's files.")
def main(*, pairs: int, share: float, epochs: int | None, most_macs: int, seed: int, folder: Path | None) -> None:
    """Prints the accuracies of morphs and of the same networks trained anew, and the mean of their difference."""
    torch.set_num_threads(1)
    dataset, rng = mnist5k.load(folder), np.random.default_rng(seed)
    recipe = recipe_for("mnist5k").with_epochs(epochs)
    found, refused, parents = list[Pair](), Counter[str](), 0
    for configuration, parent in islice(parents_of(dataset, recipe, rng, most_macs=most_macs), _PARENTS * pairs):
        parents += 1
        change = close_change(changes_of(configuration, parent, dataset, rng), dataset, refused)
        if change is None:
            continue
        pair = compared(change, dataset, recipe, share, seed=len(found))
        found.append(pair)
        first, (morph, anew) = 100 - 100 * float_error(parent, dataset.test), (100 - error for error in pair.errors)
        text = describe(change.child)
        click.echo(f"morph {morph:.2f} %  anew {anew:.2f} %  parent {first:.2f} %  {change.move}  {text}")
        if len(found) == pairs:
            break
    if not found:
        raise click.ClickException("no network begins close enough to its parent: train more or longer ones")
    for move in sorted({*refused, *(pair.change.move for pair in found)}):
        some = [pair for pair in found if pair.change.move == move]
        click.echo(f"{move}: {len(some)} pairs, {summary(some) if some else '-'}; {refused[move]} not close enough")
    seconds = [sum(pair.seconds[way] for pair in found) for way in (0, 1)]
    click.echo(
        f"{len(found)} pairs of {parents} parents: a morph after {recipe.shortened(share).epochs} of {recipe.epochs} "
        f"epochs is {summary(found)}. CPU seconds of all: {seconds[0]:.1f}, and {seconds[1]:.1f} anew. "
        f"{refused.total()} other networks did not begin close enough."
    )


if __name__ == "__main__":
    main()
