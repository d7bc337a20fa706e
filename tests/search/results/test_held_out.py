"""The error on test images: whose it is, and how far it may be off."""

import numpy as np
import pytest

from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.search.data.dataset import Split
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.results import held_out
from sparse_mcu.search.results.held_out import error_on, standard_error


def test_it_is_the_boards_error_on_those_images_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def classes(_graph: Graph, images: np.ndarray) -> np.ndarray:
        seen.append(len(images))
        return np.zeros(len(images), dtype=np.int64)

    monkeypatch.setattr(held_out, "board_classes", classes)
    part = digits.load(None).test
    found = error_on(None, Split(part.images[:40], part.labels[:40]))  # type: ignore[arg-type]
    assert found.value == np.mean(part.labels[:40] != 0)
    assert (found.images, found.fidelity, seen) == (40, "analysed", [40])
    assert found.standard_error == standard_error(found.value, 40)


def test_the_standard_error_is_that_of_a_share() -> None:
    assert standard_error(0.5, 100) == 0.05
    assert standard_error(0.0, 100) == 0.0
    draws = np.random.default_rng(0).binomial(359, 0.05, 20_000) / 359
    assert standard_error(0.05, 359) == pytest.approx(draws.std(), rel=0.02)
