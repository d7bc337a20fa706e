"""Rescaling by parts of the multiplier: equal to the project's rounding rule wherever the generator uses it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from firmware_builds import call, host_compiler
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, average_pools, convolutions, dense_layers, graph_of, random_inputs, requantizations

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Clamp, Conv2d, Dense, Requantize
from sparse_mcu.costmodel.graph.requantization import Rescale
from sparse_mcu.simulation.firmware.kernels.rescaling import Parts, accumulator_bound, parts_of
from sparse_mcu.simulation.firmware.rendering import render

_PROGRAM = """
#include <stdio.h>
#include "arithmetic.h"
int main(void)
{
    int32_t given[4];
    while (fread(given, sizeof given, 1, stdin) == 1) {
        const int32_t a = given[0], m = given[1], bits = given[2] & 15, zero = given[3];
        const int32_t found =
            given[2] < 16 ? rescale_by_2_parts(a, m, bits, zero) : rescale_by_3_parts(a, m, bits, zero);
        fwrite(&found, sizeof found, 1, stdout);
    }
    return 0;
}
"""
M0, M3 = load_core("cortex-m0"), load_core("cortex-m3")
PARTS = [Parts(count, bits) for count in (2, 3) for bits in range(9 // (count - 1) + 1, 16)]


def largest(fits: Parts, multiplier: int) -> int:
    """The largest accumulator that still fits."""
    accumulator = 0
    for step in reversed(range(31)):
        accumulator += (fits.fit(accumulator + 2**step, multiplier)) << step
    return accumulator


def test_both_forms_round_as_the_rule_says_up_to_their_limits(tmp_path: Path) -> None:
    """Undefined behaviour traps: no intermediate result overflows."""
    (tmp_path / "arithmetic.h").write_text(render("templates/arithmetic.h.j2"))
    (tmp_path / "main.c").write_text(_PROGRAM)
    call([*host_compiler(), "-std=c11", str(tmp_path / "main.c"), "-o", str(tmp_path / "main")])
    rng = np.random.default_rng(0)
    rows = []
    for parts in PARTS:
        for multiplier in [0, 1, 2**31 - 1, *(rng.integers(0, 2 ** rng.integers(1, 32, 40)).tolist())]:
            limit = largest(parts, multiplier)
            for accumulator in (-limit, limit, int(rng.integers(-limit, limit + 1))):
                selector = parts.bits + 16 * (parts.count - 2)
                rows += [(accumulator, multiplier, selector, zero) for zero in (-128, 0, 127)]
    given = np.array(rows, np.int64)
    found = np.frombuffer(call([str(tmp_path / "main")], given.astype(np.int32).tobytes()), np.int32)
    expected = [int(Rescale(np.array([m], np.int32), 0).apply(np.array([a]))[0]) + zero for a, m, _, zero in rows]
    np.testing.assert_array_equal(found, expected)


@given(convolutions() | dense_layers() | average_pools() | requantizations())
def test_parts_fit_what_the_layer_can_accumulate(case: LayerCase) -> None:
    operator, zero_point = case.operator, case.inputs[0].quantization.zero_point
    assert isinstance(operator, Conv2d | Dense | AveragePool2d | Requantize)
    parts = parts_of(operator, zero_point, M0)
    bound = accumulator_bound(operator, zero_point) << operator.rescale.left_shift
    if parts is not None:
        assert parts.fit(bound, int(operator.rescale.multiplier.max()))
    assert parts_of(operator, zero_point, M3) is None


@given(case=dense_layers(), seed=st.integers(0, 99))
def test_no_input_accumulates_more_than_the_bound(case: LayerCase, seed: int) -> None:
    operator, (source,) = case.operator, case.inputs
    assert isinstance(operator, Dense)
    centred = random_inputs(graph_of([case]), seed)["in0_0"].astype(np.int64) - source.quantization.zero_point
    sums = centred @ operator.weights.T.astype(np.int64) + operator.bias
    assert np.abs(sums).max() <= accumulator_bound(operator, source.quantization.zero_point)


@pytest.mark.parametrize(
    ("weight", "bias", "zero_point", "bound"),
    [(1, 0, -128, 255), (-1, 0, -128, 255), (2, 5, 0, 259), (2, -5, 127, 515), (0, -7, 3, 7)],
)
def test_the_bound_is_reached(weight: int, bias: int, zero_point: int, bound: int) -> None:
    dense = Dense(
        name="",
        inputs=(),
        output="",
        weights=np.array([[weight]], np.int8),
        bias=np.array([bias], np.int32),
        rescale=Rescale(np.array([2**20], np.int32), 0),
        clamp=Clamp(),
    )
    assert accumulator_bound(dense, zero_point) == bound
    assert parts_of(dense, zero_point, M0) == Parts(2, 15)
    shifted = replace(dense, rescale=Rescale(np.array([2**20], np.int32), 23))
    assert parts_of(shifted, zero_point, M0) is None
