"""Weights as the fast kernels store them: the words' own arithmetic against plain sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_mcu.simulation.firmware.kernels.packing import (
    WIDENED,
    biplex_words,
    block_channels,
    in_groups,
    largest_divisor,
    widened_runs,
)


@given(channels=st.integers(1, 40), width=st.sampled_from([2, 4]))
def test_blocks_hold_every_channel_in_order(channels: int, width: int) -> None:
    channels = max(channels, width)
    blocks = block_channels(channels, width)
    assert set(blocks.ravel().tolist()) == set(range(channels))
    assert len(blocks) == -(-channels // width)
    assert blocks[0].tolist() == list(range(width))
    assert (np.diff(blocks[:, 0])[1:] == width).all()


@given(number=st.integers(1, 500), limit=st.integers(1, 12))
def test_bodies_repeat_evenly(number: int, limit: int) -> None:
    divisor = largest_divisor(number, limit)
    assert number % divisor == 0
    assert all(number % larger for larger in range(divisor + 1, min(limit, number) + 1))


@given(runs=st.integers(1, 4), length=st.integers(1, 11), multiple=st.sampled_from([2, 4]))
def test_runs_keep_every_tap(runs: int, length: int, multiple: int) -> None:
    taps = np.arange(1, runs * length + 1, dtype=np.int8).reshape(1, runs, length)
    stored = widened_runs(taps, multiple)[0]
    assert len(stored) % multiple == 0
    assert sorted(stored[stored != 0].tolist()) == taps.ravel().tolist()
    if length >= 4:
        assert stored[:4].tolist() == [taps[0, 0, place] for place in WIDENED]


@given(
    blocks=st.integers(1, 3),
    pairs=st.integers(1, 30),
    seed=st.integers(0, 999),
    lowest=st.sampled_from([-127, -3]),
    value=st.sampled_from([None, -128, 127]),
)
def test_a_word_holds_two_channels(blocks: int, pairs: int, seed: int, lowest: int, value: int | None) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(lowest, 128, (blocks, 4, 2 * pairs)).astype(np.int8)
    inputs = rng.integers(-128, 128, 2 * pairs) if value is None else np.full(2 * pairs, value)
    words = biplex_words(weights)
    assert words is not None
    halves = np.stack([words & 0xFFFF, words >> 16], axis=-1).astype(np.uint16).view(np.int16).astype(np.int64)
    lows = (halves & 0xFF).astype(np.uint8).view(np.int8).reshape(halves.shape).astype(np.int64)
    x = inputs.reshape(1, pairs, 1, 2)
    both, first = (halves * x).sum(axis=(1, 3)), (lows * x).sum(axis=(1, 3))
    exact = weights.astype(np.int64) @ inputs
    np.testing.assert_array_equal(first, exact[:, 0::2])
    np.testing.assert_array_equal((both - first) >> 8, exact[:, 1::2])


@pytest.mark.parametrize(
    ("low", "high", "fits"), [(-1, -128, False), (0, -128, True), (-128, -127, True), (127, 127, True)]
)
def test_a_half_that_is_too_large_is_refused(low: int, high: int, fits: bool) -> None:
    weights = np.zeros((1, 4, 2), np.int8)
    weights[0, 0, 1], weights[0, 1, 1] = low, high
    assert (biplex_words(weights) is not None) == fits


def test_a_sum_that_is_too_large_is_refused() -> None:
    weights = np.zeros((1, 4, 518), np.int8)
    weights[0, 3] = 127
    assert biplex_words(weights) is None
    assert biplex_words(weights[..., :516]) is not None


@pytest.mark.parametrize(("taps", "fits"), [(510, True), (512, False)])
def test_a_sum_that_just_does_not_fit_is_refused(taps: int, fits: bool) -> None:
    """512 products of -128 and -128 are 2^23, and 256 times that is 2^31."""
    weights = np.zeros((1, 4, taps), np.int8)
    weights[0, 1] = -128
    assert (biplex_words(weights) is not None) == fits


def test_groups_read_their_lowest_and_write_to_their_end() -> None:
    pattern = in_groups(np.array([4, 0, 9, 5, 8]), 3, 2, 3)
    assert pattern.lowest_read.tolist() == [0, 5, 8]
    assert pattern.write_end.tolist() == [6, 12, 15]
