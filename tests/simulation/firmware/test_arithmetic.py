"""The shared C arithmetic, in each of its forms, against exact integers."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from firmware_builds import call, host_compiler

from sparse_mcu.simulation.firmware.rendering import render

_PROGRAM = """
#include <stdio.h>
#include "arithmetic.h"
int main(void)
{
    int32_t pair[2];
    while (fread(pair, sizeof pair, 1, stdin) == 1) {
        const uint32_t a = (uint32_t)pair[0], b = (uint32_t)pair[1];
        const uint32_t words[] = {
            (uint32_t)rescale_by_halves(pair[0], pair[1] & INT32_MAX),
            (uint32_t)rescale_by_words(pair[0], pair[1] & INT32_MAX),
            widen_even(a), widen_odd(a), add_even(b & 0x00ff00ffu, a), add_odd(b & 0x00ff00ffu, a),
            (uint32_t)multiply_add2(widen_even(a), widen_odd(b), 5),
            (uint32_t)multiply_add_low(widen_even(a), widen_odd(b), 5),
            (uint32_t)multiply_add_high(widen_even(a), widen_odd(b), 5),
        };
        fwrite(words, sizeof words, 1, stdout);
    }
    return 0;
}
"""
_CORNERS = np.array(
    [0, 1, -1, 127, -128, 0xFFFF, 0x10000, 0x8000, 2**31 - 1, -(2**31), -(2**31) + 1, 1 << 30], np.int64
)

Words = npt.NDArray[np.int64]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Words, Words, Words]:
    """The operands a and b, and what the C functions make of each pair: int64 [pairs, results]."""
    folder = tmp_path_factory.mktemp("arithmetic")
    (folder / "arithmetic.h").write_text(render("templates/arithmetic.h.j2"))
    (folder / "main.c").write_text(_PROGRAM)
    call([*host_compiler(), "-std=c11", str(folder / "main.c"), "-o", str(folder / "main")])
    rng = np.random.default_rng(0)
    corners = np.stack(np.meshgrid(_CORNERS, _CORNERS), -1).reshape(-1, 2)
    pairs = np.concatenate([corners, rng.integers(-(2**31), 2**31, (20_000, 2))]).astype(np.int32)
    words = np.frombuffer(call([str(Path(folder / "main"))], pairs.tobytes()), np.int32).reshape(len(pairs), -1)
    return pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64), words.astype(np.int64)


def _byte(word: Words, index: int) -> Words:
    return ((word >> (8 * index)) & 0xFF).astype(np.uint8).astype(np.int8).astype(np.int64)


def _pair(low: Words, high: Words) -> Words:
    return ((low & 0xFFFF) | ((high & 0xFFFF) << 16)).astype(np.uint32).astype(np.int32).astype(np.int64)


@pytest.mark.parametrize("form", [0, 1])
def test_both_forms_of_rescale_round_half_up(answers: tuple[Words, Words, Words], form: int) -> None:
    accumulator, multiplier, words = answers
    exact = (accumulator * (multiplier & (2**31 - 1)) + 2**31) >> 32
    np.testing.assert_array_equal(words[:, form], exact)


def test_widening_takes_alternate_bytes(answers: tuple[Words, Words, Words]) -> None:
    a, b, words = answers
    np.testing.assert_array_equal(words[:, 2], _pair(_byte(a, 0), _byte(a, 2)))
    np.testing.assert_array_equal(words[:, 3], _pair(_byte(a, 1), _byte(a, 3)))
    low, high = b & 0xFF, (b >> 16) & 0xFF
    np.testing.assert_array_equal(words[:, 4], _pair(_byte(a, 0) + low, _byte(a, 2) + high))
    np.testing.assert_array_equal(words[:, 5], _pair(_byte(a, 1) + low, _byte(a, 3) + high))


def test_multiplications_add_halves(answers: tuple[Words, Words, Words]) -> None:
    a, b, words = answers
    low, high = _byte(a, 0) * _byte(b, 1), _byte(a, 2) * _byte(b, 3)
    np.testing.assert_array_equal(words[:, 6], low + high + 5)
    np.testing.assert_array_equal(words[:, 7], low + 5)
    np.testing.assert_array_equal(words[:, 8], high + 5)
