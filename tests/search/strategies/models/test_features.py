"""The features of an architecture: an example by hand, and what larger networks have more of."""

from math import log

import numpy as np
import pytest

from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.space.task import Task
from sparse_mcu.search.strategies.models.features import NAMES, features

TASK = Task((1, 28, 28), 10)


def named(text: str) -> dict[str, float]:
    return dict(zip(NAMES, features(build_architecture(parse(text), TASK)), strict=True))


def test_the_example_by_hand() -> None:
    of = named("pool2 conv-3x6/max dense")
    assert of["weights"] == pytest.approx(log(2994) / log(1e7))
    assert of["depth"] == 2 / 20
    assert of["last side"] == pytest.approx(log(7) / log(28))
    assert of["down-sampling"] == pytest.approx(log(4) / log(28))
    assert of["receptive field"] == pytest.approx(8 / 28)
    assert of["first channels"] == of["last channels"] == pytest.approx(log(6) / log(256))
    assert of["bottleneck"] == pytest.approx(log(196) / log(784))
    assert of["classifier inputs"] == pytest.approx(log(294) / log(784))
    assert of["dense share"] == pytest.approx(2940 / 2994)
    assert of["depthwise share"] == 0


def test_graphs_have_features_too() -> None:
    of = named("conv-3x8/max conv-3x8/add conv-3x4|sep-5x4 avg dense")
    plain = named("conv-3x8/max conv-3x8 conv-3x4 avg dense")
    assert of["receptive field"] > plain["receptive field"]
    assert 0 < of["depthwise share"] < 1
    assert plain["depthwise share"] == 0
    assert of["depth"] > plain["depth"]


def test_they_lie_in_the_unit_cube() -> None:
    rng = np.random.default_rng(0)
    space = Space(TASK)
    rows = np.stack([features(build_architecture(space.sample(rng), TASK)) for _ in range(100)])
    assert rows.shape == (100, len(NAMES))
    assert rows.min() >= 0
    assert rows.max() <= 1
    assert (rows.std(axis=0) > 0.01).all()
