"""The test of who is ahead agrees with the textbook."""

import pytest

from sparse_mcu.benchmarks.significance import holm, p_value


def by_seed(*values: float) -> dict[int, float]:
    return dict(enumerate(values))


def test_being_ahead_everywhere_is_as_unlikely_as_heads_only() -> None:
    theirs = by_seed(1.0, 1.0, 1.0, 1.0, 1.0)
    ours = by_seed(1.1, 1.2, 1.3, 1.4, 1.5)
    assert p_value(ours, theirs) == pytest.approx(2**-5)
    assert p_value(theirs, ours) == pytest.approx(1.0)


def test_pairs_are_made_by_seed() -> None:
    ours = {seed: seed + 0.1 * (1 + seed) for seed in range(6)}
    theirs = {seed: float(seed) for seed in reversed(range(6))}
    assert p_value(ours, theirs) == pytest.approx(2**-6)
    assert p_value({**ours, 7: 0.0}, {**theirs, 8: 100.0}) == pytest.approx(2**-6)


def test_too_few_pairs_tell_nothing_and_equal_ones_are_no_lead() -> None:
    assert p_value(by_seed(2, 2, 2, 2), by_seed(1, 1, 1, 1)) is None
    assert p_value(by_seed(*range(6)), by_seed(*range(6))) == 1.0


def test_several_comparisons_are_allowed_for() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
