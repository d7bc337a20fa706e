"""Measures how fast candidates train, and how well: `python -m sparse_mcu.benchmarks.training --help`.

Random configurations are trained in three ways in turn, in one process and on one thread. "before" is the loop of the
first version: torch alone, 15 epochs in batches of 64. "same" is the same recipe by today's training. "now" is today's
recipe of mnist5k. The images to train on are those of the parts train and validation. Accuracies are those of the float
networks on MNIST's own test images. These chose nothing.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from torch import nn

from sparse_mcu.search.data.dataset import Split
from sparse_mcu.search.data.loaders import mnist5k
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe, recipe_for
from sparse_mcu.search.network.stages.float_training import float_error, train
from sparse_mcu.search.space.architecture import Architecture
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.space import Space, build_architecture

BEFORE = Recipe(epochs=15, batch_size=64, learning_rate=0.02)


def train_before(architecture: Architecture, data: Split, recipe: Recipe, *, seed: int) -> Network:
    """Trains as this project did at first: with torch's autograd, and the parameters one by one."""
    torch.manual_seed(seed)
    network = Network(architecture).train()
    images, labels = torch.from_numpy(data.images), torch.from_numpy(data.labels)
    steps = len(labels) // recipe.batch_size
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=recipe.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=recipe.epochs * steps + 1
    )
    for _ in range(recipe.epochs):
        for batch in torch.split(torch.randperm(len(labels))[: steps * recipe.batch_size], recipe.batch_size):
            loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return network.eval()


WAYS = {"before": (train_before, BEFORE), "same": (train, BEFORE), "now": (train, recipe_for("mnist5k"))}


@dataclass(frozen=True, slots=True)
class Trained:
    """The CPU seconds of a training, and the share of test images that the network puts into the right class."""

    seconds: float
    accuracy: float


def measure(way: str, architecture: Architecture, data: Split, test: Split, *, seed: int) -> Trained:
    """Trains one network in one of the WAYS."""
    function, recipe = WAYS[way]
    start = time.process_time()
    network = function(architecture, data, recipe, seed=seed)
    seconds = time.process_time() - start
    return Trained(seconds, 1 - float_error(network, test))


@click.command()
@click.option("--count", default=20, show_default=True, help="The number of random configurations.")
@click.option("--seed", default=0, show_default=True, help="The seed of the configurations and of the trainings.")
@click.option("--way", "ways", multiple=True, type=click.Choice(list(WAYS)), help="Only these; repeatable.")
@click.option("--folder", type=click.Path(path_type=Path), help="The folder of MNIST's files.")
def main(count: int, seed: int, ways: tuple[str, ...], folder: Path | None) -> None:
    """Prints CPU seconds and accuracies of random configurations, and candidates an hour."""
    torch.set_num_threads(1)
    dataset = mnist5k.load(folder)
    parts = (dataset.train, dataset.validation)
    data = Split(np.concatenate([each.images for each in parts]), np.concatenate([each.labels for each in parts]))
    test = dataset.test
    space, rng, chosen = Space(dataset.task), np.random.default_rng(seed), ways or tuple(WAYS)
    architectures = {
        describe(each): build_architecture(each, dataset.task) for each in map(space.sample, [rng] * count)
    }
    measure("same", architectures[min(architectures, key=len)], data, test, seed=seed)  # compiles
    results: dict[str, list[Trained]] = {way: [] for way in chosen}
    for text, architecture in architectures.items():
        for way in chosen:
            results[way].append(measure(way, architecture, data, test, seed=seed))
        shown = "  ".join(f"{each[-1].seconds:6.2f} s {100 * each[-1].accuracy:5.2f} %" for each in results.values())
        click.echo(f"{shown}  {text}")
    for way, trained in results.items():
        seconds, accuracies = ([getattr(each, name) for each in trained] for name in ("seconds", "accuracy"))
        click.echo(
            f"{way}: {3600 * len(seconds) / sum(seconds):.0f} candidates an hour of CPU, "
            f"{3600 / float(np.median(seconds)):.0f} by the median; accuracy {100 * float(np.mean(accuracies)):.2f} % "
            f"in the mean, {100 * float(np.median(accuracies)):.2f} % in the median"
        )
    if "before" in results:
        for way in (each for each in chosen if each != "before"):
            pairs = list(zip(results["before"], results[way], strict=True))
            faster = float(np.median([old.seconds / new.seconds for old, new in pairs]))
            better = 100 * np.array([new.accuracy - old.accuracy for old, new in pairs])
            error = float(better.std(ddof=1)) / len(better) ** 0.5 if len(better) > 1 else 0.0
            click.echo(
                f"{way} against before: {faster:.2f} times as fast (median of the ratios); accuracy "
                f"{float(np.median(better)):+.2f} points in the median, {float(better.mean()):+.2f} +- {error:.2f} "
                "in the mean"
            )


if __name__ == "__main__":
    main()
