"""Measures what inherited weights are worth: `python -m sparse_mcu.benchmarks.morphs --help`.

Random networks are trained. Those on the front of validation error and weights become parents, as in a search. Each one
in turn is changed by a move into a network of other layers. If that begins close enough to its parent (`resembles`), it
inherits its weights and trains for a share of the epochs; the same network is also trained anew, for all epochs. The
accuracies are those of the float networks on MNIST's own test images. These chose nothing. Networks that do not begin
close enough are counted, and not trained, because a search trains them anew.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
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
from sparse_mcu.search.network.resemblance import resembles
from sparse_mcu.search.network.stages.float_training import float_error, train
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.moves import MOVES, moved
from sparse_mcu.search.space.space import Space, build_architecture

_DRAWS = 40
"""How many networks are drawn at most for each pair."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A move that makes another network of a parent."""

    parent: Candidate
    move: str
    child: Configuration


def changes_of(
    parents: Sequence[Candidate], space: Space, rng: np.random.Generator, *, most_macs: int
) -> Iterator[Change]:
    """Yields random changes of the parents in turn. Each one leads to other layers, and no network comes twice."""
    seen = {parent.configuration for parent in parents}
    for parent in cycle(parents):
        move = MOVES[rng.integers(len(MOVES))]
        child = moved(parent.configuration, move, space, rng)
        if child is None or child in seen:
            continue
        layers = build_architecture(child, space.task)
        if layers != parent.network.architecture and layers.macs <= 2 * most_macs:
            seen.add(child)
            yield Change(parent, move.__name__, child)


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


def compared(change: Change, dataset: Dataset, recipe: Recipe, share: float, seed: int) -> Pair | None:
    """Trains a network as a morph and anew; returns None if it does not begin close enough to its parent."""
    layers = build_architecture(change.child, dataset.task)
    if not resembles(change.parent.network, layers, dataset.train):
        return None
    own = recipe.with_augmentation(change.child.augmentation)
    begin = time.process_time()
    morph = train(layers, dataset.train, own.shortened(share), seed=seed, parent=change.parent.network)
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
    found, refused = list[Pair](), Counter[str]()
    changes = changes_of(parents, Space(dataset.task), rng, most_macs=most_macs)
    for change in islice(changes, _DRAWS * pairs):
        pair = compared(change, dataset, recipe, share, seed=len(found))
        if pair is None:
            refused[change.move] += 1
            continue
        found.append(pair)
        morph, anew = (100 - error for error in pair.errors)
        click.echo(f"morph {morph:.2f} %  anew {anew:.2f} %  {change.move}  {describe(change.child)}")
        if len(found) == pairs:
            break
    if not found:
        raise click.ClickException("no network begins close enough to its parent: train more or longer ones")
    for move in sorted({*refused, *(pair.change.move for pair in found)}):
        some = [pair for pair in found if pair.change.move == move]
        click.echo(f"{move}: {len(some)} pairs, {summary(some) if some else '-'}; {refused[move]} not close enough")
    seconds = [sum(pair.seconds[way] for pair in found) for way in (0, 1)]
    click.echo(
        f"{len(found)} pairs: a morph after {recipe.shortened(share).epochs} of {recipe.epochs} epochs is "
        f"{summary(found)}. CPU seconds of all: {seconds[0]:.1f}, and {seconds[1]:.1f} anew. "
        f"{refused.total()} other networks did not begin close enough."
    )


if __name__ == "__main__":
    main()
