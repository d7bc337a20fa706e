"""ProtoNN: its formula, where it starts, its budget, and that it learns."""

import numpy as np
import pytest
import torch

from sparse_mcu.search.baselines import protonn, sparse_training
from sparse_mcu.search.baselines.fitted import error_of, pixels_of
from sparse_mcu.search.baselines.protonn import ProtoNN, initial_model
from sparse_mcu.search.data.dataset import Dataset, Split


def test_scores_are_the_papers() -> None:
    rng = np.random.default_rng(0)
    projection, prototypes, scores = (rng.normal(size=shape).astype(np.float32) for shape in ((4, 9), (6, 4), (6, 3)))
    model, pixels = (
        ProtoNN(projection, prototypes, scores, gamma=0.7, budget=2048),
        rng.random((5, 9), dtype=np.float32),
    )
    expected = np.zeros((5, 3))
    for row, image in enumerate(pixels):
        for prototype, score in zip(prototypes, scores, strict=True):
            expected[row] += score * np.exp(-(0.7**2) * np.sum((projection @ image - prototype) ** 2))
    with torch.no_grad():
        assert np.allclose(model(torch.from_numpy(pixels)).numpy(), expected, atol=1e-5)


def test_it_starts_as_nearest_centres(few_digits: Dataset) -> None:
    model = initial_model(few_digits.train, classes=10, dimensions=12, each=3, budget=16384, seed=0)
    assert model.scores.sum(dim=0).tolist() == [3] * 10
    assert torch.equal(model.scores.sum(dim=1), torch.ones(30))
    with torch.no_grad():
        answers = model(torch.from_numpy(pixels_of(few_digits.test.images))).argmax(dim=1).numpy()
    assert error_of(few_digits.test.labels, answers) < 0.25


def test_few_images_have_few_prototypes(few_digits: Dataset) -> None:
    few = Split(few_digits.train.images[:14], few_digits.train.labels[:14])
    model = initial_model(few, classes=10, dimensions=40, each=4, budget=2048, seed=0)
    assert model.projection.shape == (14, 64)
    assert len(model.prototypes) <= 14


def test_it_learns_within_its_bytes(few_digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(protonn._SHAPES, 2048, ((8, 2),))
    monkeypatch.setattr(sparse_training, "EPOCHS", (20, 20))
    fitted = protonn.fitter(2048)(
        few_digits.train, few_digits.validation, classes=10, seed=0, on_progress=lambda _: None
    )
    assert error_of(few_digits.test.labels, fitted.predict(few_digits.test.images)) < 0.15
    # Projection 8x64, 20 prototypes of 8, their scores 20x10: all fit as they are.
    assert fitted.size_bytes <= 8 * 64 + 20 * 8 + 20 * 10 + 3 * 4
    assert fitted.ram_bytes == 64 + 4 * (8 + 10)


def test_training_beats_its_start(few_digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse_training, "EPOCHS", (20, 20))
    model = initial_model(few_digits.train, classes=10, dimensions=6, each=1, budget=2048, seed=0)
    pixels, labels = torch.from_numpy(pixels_of(few_digits.train.images)), torch.from_numpy(few_digits.train.labels)
    before = model.loss(pixels, labels).item()
    sparse_training.train(model, few_digits.train, seed=0, learning_rate=0.01, on_progress=lambda _: None)
    assert model.loss(pixels, labels).item() < before / 2
