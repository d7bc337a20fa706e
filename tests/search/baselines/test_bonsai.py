"""Bonsai: its formula, its paths, its budget, and that it learns."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.search.baselines import bonsai, sparse_training
from sparse_mcu.search.baselines.bonsai import Bonsai
from sparse_mcu.search.baselines.fitted import error_of
from sparse_mcu.search.data.dataset import Dataset


def random_bonsai(depth: int, sigma: float = 1.0, seed: int = 0) -> Bonsai:
    torch.manual_seed(seed)
    return Bonsai(12, 3, projection=5, depth=depth, budget=2048, sigma=sigma).eval()


def test_a_single_node_is_the_papers_predictor() -> None:
    model, pixels = random_bonsai(0), torch.rand(7, 12)
    with torch.no_grad():
        projected = torch.cat([pixels, torch.ones(7, 1)], dim=1) @ model.projection.T
        values, gates = projected @ model.weights[0].T, projected @ model.gates[0].T
        assert torch.allclose(model(pixels), values * torch.tanh(gates), atol=1e-6)
    assert model.branches.numel() == 0


def test_a_single_node_with_saturated_gates_is_linear() -> None:
    model, pixels = random_bonsai(0, sigma=1e6), torch.rand(7, 12)
    with torch.no_grad():
        projected = pixels @ model.projection[:, :-1].T + model.projection[:, -1]
        signs = (projected @ model.gates[0].T).sign()
        assert torch.allclose(model(pixels), signs * (projected @ model.weights[0].T), atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(depth=st.integers(0, 4), seed=st.integers(0, 99))
def test_an_image_walks_one_path_from_the_root(depth: int, seed: int) -> None:
    model = random_bonsai(depth, seed=seed)
    projected = torch.randn(6, 5)
    visits = model.visits(projected)
    assert visits.shape == (6, 2 ** (depth + 1) - 1)
    assert set(visits.unique().tolist()) <= {0.0, 1.0}
    assert visits.sum(dim=1).tolist() == [depth + 1] * 6
    for row, image in zip(visits, projected, strict=True):
        node = 0
        for _ in range(depth):
            node = 2 * node + (2 if float(image @ model.branches[node].detach()) > 0 else 1)
            assert row[node] == 1


def test_soft_paths_become_the_hard_one() -> None:
    model, projected = random_bonsai(3), torch.randn(50, 5)
    with torch.no_grad():
        hard = model.visits(projected)
        model.train()
        distances = []
        for share in (0.0, 0.5, 1.0):
            model.set_progress(share)
            soft = model.visits(projected)
            levels = soft.split([1, 2, 4, 8], dim=1)
            assert all(torch.allclose(level.sum(dim=1), torch.ones(50), atol=1e-5) for level in levels)
            distances.append(float((soft - hard).abs().mean()))
    assert distances[0] > distances[1] > distances[2]


def test_it_learns_within_its_bytes(few_digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bonsai._SHAPES, 2048, ((8, 1),))
    monkeypatch.setattr(sparse_training, "EPOCHS", (24, 24))
    fitted = bonsai.fitter(2048)(
        few_digits.train, few_digits.validation, classes=10, seed=0, on_progress=lambda _: None
    )
    assert error_of(few_digits.test.labels, fitted.predict(few_digits.test.images)) < 0.25
    assert fitted.size_bytes <= 2048
    # The input, 8 projected numbers, and three vectors of 10 classes.
    assert fitted.ram_bytes == 64 + 4 * (8 + 3 * 10)


@pytest.mark.parametrize("classes", [2, 10, 62])
@pytest.mark.parametrize("budget", [2048, 16384])
def test_every_shape_keeps_to_its_budget(classes: int, budget: int) -> None:
    for projection, depth in bonsai._SHAPES[budget]:
        model = Bonsai(3072, classes, projection=projection, depth=depth, budget=budget)
        rng = np.random.default_rng(0)
        total = 0
        for name, parameter in model.named_parameters():
            numbers = np.zeros(parameter.numel())
            numbers[rng.permutation(parameter.numel())[: model.limits[name]]] = 1
            total += sparse_training.matrix_bytes(numbers)
        assert total <= budget
