"""The benchmarks of training run, and say what they measured."""

import pytest
from click.testing import CliRunner

from sparse_mcu.benchmarks import morphs, training
from sparse_mcu.search.data.dataset import Dataset, Split, make_dataset
from sparse_mcu.search.data.loaders import mnist5k
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import train


@pytest.fixture(autouse=True)
def few_images_and_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mnist5k.load(None)

    def few(part: Split) -> Split:
        return Split(part.images[:64], part.labels[:64])

    def load(_folder: object) -> Dataset:
        return make_dataset(
            "mnist5k", classes=10, train=few(whole.train), validation=few(whole.validation), test=few(whole.validation)
        )

    short = Recipe(epochs=1, batch_size=32)
    monkeypatch.setattr(mnist5k, "load", load)
    monkeypatch.setattr(
        training, "WAYS", {"before": (training.train_before, short), "same": (train, short), "now": (train, short)}
    )
    monkeypatch.setattr(morphs, "recipe_for", lambda _: short)
    monkeypatch.setattr(morphs, "_PARENTS", 2)


def test_ways_of_training_are_compared() -> None:
    result = CliRunner().invoke(training.main, ["--count", "2", "--folder", "nowhere"])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.split(":")[0] for line in lines[2:]] == [
        "before",
        "same",
        "now",
        "same against before",
        "now against before",
    ]
    assert "times as fast" in lines[-1]


def test_morphs_are_compared_with_networks_trained_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True, True])  # what resembles a parent that saw 64 images once is chance
    monkeypatch.setattr(morphs, "resembles", lambda *_: next(answers))
    result = CliRunner().invoke(morphs.main, ["--pairs", "2", "--folder", "nowhere"])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines].count("morph") == 2
    assert "2 pairs of 2 parents: a morph after 1 of 1 epochs" in lines[-1]
    assert lines[-1].endswith("1 other networks did not begin close enough.")


def test_networks_that_know_nothing_give_no_pairs() -> None:
    result = CliRunner().invoke(morphs.main, ["--pairs", "1", "--folder", "nowhere"])
    assert result.exit_code == 1
    assert "no network begins close enough" in result.output
