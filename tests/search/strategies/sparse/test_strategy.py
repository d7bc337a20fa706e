"""The published method: stages, preferences, and limits that draw proposals even without prices."""

from collections.abc import Callable
from dataclasses import replace
from math import comb

import numpy as np
import pytest

from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.result import Failure, Success
from sparse_mcu.search.space.configuration import PRUNING_KINDS, Configuration
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.task import Task
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.strategies.sparse.narrowing import narrowed
from sparse_mcu.search.strategies.sparse.strategy import SparseStrategy
from sparse_mcu.search.study.trial import Trial

MakeResult = Callable[[Configuration], Success]
Run = Callable[..., list[Trial]]


def small(problem: Problem, **others: object) -> SparseStrategy:
    return SparseStrategy(problem, **{"initial": 6, "random_pool": 64, "local_pool": 64, **others})  # type: ignore[arg-type]


def test_the_first_proposals_are_spread(space: Space) -> None:
    strategy = small(Problem(space=space), initial=16)
    first = [each.configuration for number in range(16) if (each := strategy.propose(number, [])) is not None]
    assert len(first) == 16
    assert {len(configuration.blocks) for configuration in first} == {0, 1, 2, 3, 4}
    assert {configuration.head for configuration in first} == {"flatten", "average"}


def test_without_results_proposals_are_random(space: Space) -> None:
    strategy = small(Problem(space=space), initial=1)
    failure = Failure(stage="cost", error="E", reason="r", seconds={})
    first = strategy.propose(0, [])
    assert first is not None
    second = strategy.propose(1, [Trial(number=0, result=failure, **dict(first))])
    assert second is not None
    assert space.admits(second.configuration)


def test_another_text_of_a_network_that_was_tried_is_not_proposed(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins = [parse("conv-2x4/2 dense"), parse("conv-2x4/valid/2 dense"), parse("conv-2x5 dense")]
    drawn = iter([space.canonical(twin) for twin in twins[1:]])
    monkeypatch.setattr(Space, "decode", lambda *_: next(drawn))
    proposal = small(Problem(space=space)).propose(1, [Trial(number=0, configuration=twins[0])])
    assert proposal is not None
    assert proposal.configuration == twins[2]


def test_the_third_stage_proposes_morphs_of_the_front_and_names_the_parent(
    space: Space, make_result: MakeResult, run: Run
) -> None:
    strategy = small(Problem(space=space, objectives=("error", "flash_bytes")), narrow_from=8, morph_from=8)
    history = run(strategy, make_result, 10)
    assert all(trial.parent is None for trial in history[:8])
    for trial in history[8:]:
        assert trial.parent is not None
        assert trial.parent < trial.number


def test_only_the_third_stage_prunes(space: Space, make_result: MakeResult, run: Run) -> None:
    pruning = replace(space, limits=space.limits.model_copy(update={"prunings": PRUNING_KINDS}))
    problem = Problem(space=pruning, objectives=("error", "flash_bytes"))
    history = run(small(problem, initial=2, narrow_from=4, morph_from=6), make_result, 6)
    assert not any(trial.configuration.pruning for trial in history[2:])
    samples = [pruning.sample(np.random.default_rng(seed)) for seed in range(30)]
    assert any(sample.pruning for sample in samples)


def test_the_second_stage_keeps_to_networks_like_those_of_the_front(space: Space) -> None:
    front = [parse("pool2 conv-3x8/max dense"), parse("pool2 conv-4x12 sep-3x6/max dense")]
    narrow = narrowed(space, front)
    assert narrow.limits.input_poolings == tuple(each for each in space.limits.input_poolings if each >= 2)
    assert narrow.limits.kernels == (3, 4)
    assert narrow.limits.operators == ("conv", "separable")
    assert narrow.limits.channels == (4, 18)
    assert (narrow.limits.max_blocks, narrow.limits.max_hidden) == (3, 1)
    assert narrow.limits.units == space.limits.units
    rng = np.random.default_rng(0)
    assert all(space.admits(narrow.sample(rng)) for _ in range(50))


def test_the_second_stage_has_small_networks_even_if_the_front_is_costly() -> None:
    """7x7 convolutions of 18 channels on the whole image have over 600,000 multiply-accumulates."""
    space = Space(Task((1, 28, 28), 10), Limits(max_macs=120_000))
    narrow = narrowed(space, [parse("conv-7x28/valid/2 dense")])
    rng = np.random.default_rng(0)
    drawn = [narrow.sample(rng) for _ in range(50)]
    assert all(space.admits(each) for each in drawn)
    assert any(each.blocks for each in drawn)


@pytest.mark.parametrize("acquisition", [pytest.param("thompson", marks=pytest.mark.slow), "ucb"])
def test_a_preference_moves_the_proposals(space: Space, make_result: MakeResult, run: Run, acquisition: str) -> None:
    """What matters fifty times as much is smaller in the mean than what matters a fiftieth."""
    objectives, means = ("error", "flash_bytes"), {}
    for weight in (0.02, 50.0):
        problem = Problem(space=space, objectives=objectives, preferences={"flash_bytes": (weight, weight)})
        trials = run(small(problem, acquisition=acquisition), make_result, 11)[6:]
        means[weight] = np.mean([make_result(t.configuration).objectives["flash_bytes"].value for t in trials])
    assert means[50.0] < means[0.02]


LIMITS = Bounds({"flash_bytes": 2200, "latency_ms": 0.6})


def kept_after_the_start(space: Space, make_result: MakeResult, run: Run, bounds: Bounds, seed: int) -> int:
    """How many of the five proposals after six of the start keep LIMITS, when the strategy knows `bounds`."""
    trials = run(small(Problem(space=space, bounds=bounds, seed=seed)), make_result, 11)[6:]
    return sum(LIMITS.allow(make_result(trial.configuration).objectives) for trial in trials)


def chance_to_keep(space: Space, make_result: MakeResult, least: int, proposals: int) -> float:
    """The probability that at least so many of some random proposals keep LIMITS."""
    rng = np.random.default_rng(0)
    share = np.mean([LIMITS.allow(make_result(space.sample(rng)).objectives) for _ in range(1000)])
    return sum(comb(proposals, k) * share**k * (1 - share) ** (proposals - k) for k in range(least, proposals + 1))


def test_limits_draw_the_proposals(space: Space, make_result: MakeResult, run: Run) -> None:
    free, bound = (kept_after_the_start(space, make_result, run, bounds, seed=1) for bounds in (Bounds(), LIMITS))
    assert bound > free
    assert bound >= 4
    assert chance_to_keep(space, make_result, bound, 5) < 0.05


@pytest.mark.slow
def test_limits_draw_the_proposals_of_any_seed(space: Space, make_result: MakeResult, run: Run) -> None:
    kept = sum(kept_after_the_start(space, make_result, run, LIMITS, seed) for seed in range(1, 7))
    assert chance_to_keep(space, make_result, kept, 30) < 0.01
