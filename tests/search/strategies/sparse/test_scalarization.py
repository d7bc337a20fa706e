"""Random Tchebychev scalarisation: against its definition, and what limits do to it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sparse_mcu.search.evaluation.objectives import DEFAULT_OBJECTIVES, ERROR_FLOOR
from sparse_mcu.search.strategies.pareto import non_dominated
from sparse_mcu.search.strategies.scales import to_log
from sparse_mcu.search.strategies.sparse.scalarization import Normalization, Scalarization, draw_scalarization

FREE = np.full(4, np.inf)


@settings(max_examples=50, deadline=None)
@given(values=arrays(float, (6, 4), elements=st.floats(0, 2)), seed=st.integers(0, 2**32 - 1))
def test_scores_against_the_definition(values: np.ndarray, seed: int) -> None:
    drawn = draw_scalarization(np.random.default_rng(seed), FREE)
    expected = [max(row[k] / drawn.scales[k] for k in range(4)) for row in values]
    assert drawn(values) == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(values=arrays(float, (8, 4), elements=st.integers(0, 5).map(float)), seed=st.integers(0, 2**32 - 1))
def test_some_best_scored_point_is_never_dominated(values: np.ndarray, seed: int) -> None:
    scores = draw_scalarization(np.random.default_rng(seed), FREE)(values)
    best = np.flatnonzero(scores == scores.min())
    assert non_dominated(values)[best].any()


def test_every_point_of_a_front_is_preferred_by_some_draw() -> None:
    angles = np.linspace(0.1, np.pi / 2 - 0.1, 6)
    front = np.stack([1 - np.sin(angles), 1 - np.cos(angles), np.full(6, 0.5), np.full(6, 0.5)], axis=1)
    rng = np.random.default_rng(0)
    winners = {int(draw_scalarization(rng, FREE)(front).argmin()) for _ in range(2000)}
    assert winners == set(range(6))


def test_scales_keep_within_the_limits() -> None:
    rng = np.random.default_rng(0)
    scales = np.array([draw_scalarization(rng, np.array([np.inf, 0.3, 5.0, -2.0])).scales for _ in range(500)])
    assert scales.min() > 0
    assert (scales.max(axis=0) <= [1, 0.3, 1, 0.05]).all()
    assert scales.mean(axis=0) == pytest.approx([0.5, 0.15, 0.5, 0.025], rel=0.1)


def test_exceeding_a_limit_costs_more_than_any_trade_off() -> None:
    drawn = Scalarization(np.full(4, 0.05), np.array([np.inf, 0.5, np.inf, np.inf]))
    scores = drawn(np.array([[1.0, 0.5, 1.0, 1.0], [0.0, 0.6, 0.0, 0.0]]))
    assert scores[0] < scores[1]


def test_an_objective_that_only_has_a_limit_adds_its_penalty_alone() -> None:
    limits = np.array([np.inf, 0.5])
    drawn = draw_scalarization(np.random.default_rng(0), limits, 1)
    assert drawn(np.array([[0.4, 0.1], [0.4, 0.5]])) == pytest.approx([0.4 / drawn.scales[0]] * 2)
    assert drawn(np.array([[0.4, 0.6]]))[0] > 99


def test_the_worked_example() -> None:
    networks, free = np.array([(0.2, 0.8), (0.6, 0.3)]), np.full(2, np.inf)
    assert Scalarization(np.array([0.5, 1.0]), free)(networks) == pytest.approx([0.8, 1.2])
    assert Scalarization(np.array([1.0, 0.4]), free)(networks) == pytest.approx([2.0, 0.75])
    limited = Scalarization(np.array([0.5, 1.0]), np.array([np.inf, 0.5]))
    assert limited(networks) == pytest.approx([300.8, 1.2])


def test_normalization_puts_the_front_between_zero_and_one() -> None:
    front = to_log([[0.0, 100, 1000, 1.0], [0.3, 50, 500, 0.1]], DEFAULT_OBJECTIVES)
    normalized = Normalization.of(front)(front)
    assert normalized.min(axis=0) == pytest.approx(0.05 / 1.05)
    assert normalized.max(axis=0) == pytest.approx(1)
    assert np.isfinite(Normalization.of(front[:1])(front)).all()


def test_logs_count_halvings_and_floor_the_error() -> None:
    logs = to_log([[0.0, 8, 4, 2], [ERROR_FLOOR, 4, 2, 1]], DEFAULT_OBJECTIVES)
    assert logs[0] - logs[1] == pytest.approx(np.log([0.5, 2, 2, 2]))
    assert to_log((np.inf,) * 4, DEFAULT_OBJECTIVES).tolist() == [np.inf] * 4
