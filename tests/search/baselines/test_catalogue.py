"""The methods: each is documented, each says how its bytes are counted, and each is much better than chance."""

from dataclasses import replace
from pathlib import Path

import pytest

from sparse_mcu.search.baselines import bonsai, catalogue, gbdt, protonn, sparse_training, svm
from sparse_mcu.search.baselines.catalogue import METHODS, Job
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.evaluation.protocol import CostEvaluator
from sparse_mcu.search.network.recipe import Recipe

PAGE = (Path(__file__).parents[3] / "docs" / "baselines.md").read_text(encoding="utf-8")


@pytest.fixture
def job(few_digits: Dataset, make_simulation: CostEvaluator, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job that every method does in a second."""
    monkeypatch.setattr(gbdt, "_ROUNDS", 20)
    monkeypatch.setattr(svm, "_FOR_CHOOSING", 200)
    monkeypatch.setattr(sparse_training, "EPOCHS", (24, 24))
    for module in (bonsai, protonn):
        monkeypatch.setattr(module, "_SHAPES", {budget: shapes[:1] for budget, shapes in module._SHAPES.items()})
    monkeypatch.setattr("sparse_mcu.search.baselines.networks.PADDED", "conv-3x4/max dense-16 dense")
    recipe = Recipe(epochs=12, batch_size=16)
    return Job(dataset=few_digits, test=few_digits.test, recipe=recipe, cost=make_simulation, seed=0)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_beats_chance_clearly(job: Job, name: str) -> None:
    shares: list[float] = []
    outcome = METHODS[name].run(job, shares.append)
    assert outcome.test is not None
    assert min(outcome.test.value, outcome.validation.value) > 0.6
    assert (outcome.test.images, outcome.validation.images, outcome.trained_on) == (150, 150, 400)
    assert outcome.size.bytes > 0
    assert outcome.ram.bytes >= 64
    assert outcome.remark == ""
    is_exact = METHODS[name].is_network
    assert {outcome.size.fidelity, outcome.ram.fidelity} == {"analysed" if is_exact else "estimated"}
    assert (outcome.on_board is not None) == is_exact
    assert f"`{name}`" in PAGE


def test_a_method_that_sees_fewer_images_says_so(job: Job) -> None:
    limited = catalogue._classical("T", catalogue.knn.fit, "c", 90)
    outcome = limited.run(replace(job, test=None), lambda _: None)
    assert (outcome.trained_on, outcome.remark, outcome.test) == (90, "trained on 90 of 400 images", None)
