"""Budgets: the limits hold exactly, bytes are what a list of entries takes, and training keeps to both."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sparse_mcu.search.baselines import sparse_training
from sparse_mcu.search.baselines.sparse_training import (
    BudgetedModel,
    fit_best,
    hard_threshold,
    matrix_bytes,
    numbers_within,
    round_to_bytes,
    share_out,
    stored_bytes,
    train,
)
from sparse_mcu.search.data.dataset import Dataset

values = st.lists(st.integers(-3, 3), min_size=1, max_size=40)


class Linear(BudgetedModel):
    """One matrix."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.zeros(10, 64))
        self.limits = {"matrix": limit}

    @property
    def ram_bytes(self) -> int:
        """The input's."""
        return 64

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Products."""
        return pixels @ self.matrix.T

    def loss(self, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Cross entropy."""
        return nn.functional.cross_entropy(self(pixels), labels)


@settings(max_examples=60, deadline=None)
@given(numbers=values, count=st.integers(0, 45))
def test_the_largest_stay_and_never_more(numbers: list[int], count: int) -> None:
    before = torch.tensor(numbers, dtype=torch.float32).reshape(1, -1)
    after = hard_threshold(before, count)
    kept = after != 0
    assert int(kept.sum()) <= count
    assert torch.equal(after[kept], before[kept])
    dropped = before[~kept].abs()
    assert not len(dropped) or not bool(kept.any()) or dropped.max() <= before[kept].abs().min()
    assert int(kept.sum()) == min(count, int((before != 0).sum()))


def entries_by_hand(numbers: np.ndarray) -> int:
    """Walks over a list as a board would: each entry reaches at most 256 places on."""
    entries, last = 0, -1
    for place in np.flatnonzero(numbers):
        while place - last > 256:
            entries, last = entries + 1, last + 256
        entries, last = entries + 1, place
    return entries


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 3000), count=st.integers(0, 12), seed=st.integers(0, 9))
def test_a_matrix_takes_the_less_of_two_forms(size: int, count: int, seed: int) -> None:
    numbers = np.zeros(size)
    numbers[np.random.default_rng(seed).integers(0, size, count)] = 1
    assert matrix_bytes(numbers) == min(size, 2 * entries_by_hand(numbers)) + 4


def test_bytes_of_small_matrices() -> None:
    assert matrix_bytes(np.zeros((0, 3))) == 0
    assert matrix_bytes(np.ones((2, 3))) == 6 + 4
    assert matrix_bytes(np.eye(8)) == 16 + 4
    lonely = np.zeros(600)
    lonely[599] = 1
    assert matrix_bytes(lonely) == 3 * 2 + 4


@settings(max_examples=60, deadline=None)
@given(budget=st.integers(64, 5000), sizes=st.lists(st.integers(0, 4000), min_size=3, max_size=3))
def test_budgets_are_never_exceeded(budget: int, sizes: list[int]) -> None:
    matrices = dict(zip("abc", sizes, strict=True))
    limits = share_out(budget, matrices, {"a": 0.25, "b": 0.25, "c": 1.0})
    planned = {name: stored_bytes(limits[name], size) for name, size in matrices.items()}
    assert sum(planned.values()) <= budget
    assert planned["a"] <= budget * 0.25
    assert all(0 <= limits[name] <= size for name, size in matrices.items())


def test_a_matrix_that_fits_is_whole() -> None:
    assert (numbers_within(100, 100), numbers_within(99, 100), numbers_within(-1, 100)) == (100, 49, 0)


@pytest.mark.parametrize("limit", [0, 150, 640])
def test_training_ends_within_its_limits_and_learns(
    few_digits: Dataset, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(sparse_training, "EPOCHS", (24, 24))
    model = Linear(limit)
    train(model, few_digits.train, seed=0, learning_rate=0.02, on_progress=lambda _: None)
    assert int((model.matrix != 0).sum()) <= limit
    if limit:
        fitted = fit_best(
            {"a": model}, few_digits.train, few_digits.validation, seed=0, learning_rate=0.02,
            on_progress=lambda _: None,
        )  # fmt: skip
        assert np.mean(fitted.predict(few_digits.test.images) != few_digits.test.labels) < 0.5


def test_numbers_become_multiples_of_one_scale() -> None:
    model = Linear(640)
    with torch.no_grad():
        model.matrix.copy_(torch.randn(10, 64))
    before = model.matrix.detach().clone()
    round_to_bytes(model)
    scale = before.abs().max() / 127
    codes = (model.matrix / scale).detach()
    assert torch.allclose(codes, codes.round(), atol=1e-4)
    assert (model.matrix - before).abs().max().item() <= scale.item() / 2 + 1e-6
    assert len(codes.round().unique()) <= 255


def test_the_best_candidate_is_kept_and_a_seed_repeats_it(few_digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse_training, "EPOCHS", (6, 6))
    found = [
        fit_best(
            {"poor": Linear(5), "good": Linear(640)}, few_digits.train, few_digits.validation, seed=3,
            learning_rate=0.02, on_progress=lambda _: None,
        )
        for _ in range(2)
    ]  # fmt: skip
    assert [each.setting for each in found] == ["good", "good"]
    assert found[0].numbers == found[1].numbers
    answers = [each.predict(few_digits.test.images) for each in found]
    assert np.array_equal(*answers)
