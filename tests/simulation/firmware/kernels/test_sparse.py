"""The coding of sparse weights: what it stores is the weights, no more than it says, and only where that pays."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_mcu.costmodel.memory.model.access import NOTHING
from sparse_mcu.simulation.firmware.kernels.sparse import Sparse, sparse_of


def weights_of(seed: int, shape: tuple[int, int], density: float) -> npt.NDArray[np.int8]:
    """Random weights of which about so many are not zero."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < density, rng.integers(-128, 128, shape), 0).astype(np.int8)


def decoded(sparse: Sparse, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The weights [channels, taps] as the generated code meets them."""
    arrays = {constant.symbol: constant.values for constant in sparse.constants}
    stream = iter(arrays["entries"].tolist())
    rows = []
    for pairs in arrays["pairs"].tolist():
        row, place = dict.fromkeys(places.tolist(), 0), 0
        for _ in range(pairs):
            if sparse.gap_bits == 8:
                word = next(stream)
                two = [(word & 255, word >> 16 & 255), (word >> 8 & 255, word >> 24)]
            else:
                gaps, first, second = next(stream), next(stream), next(stream)
                two = [(gaps & 15, first), (gaps >> 4, second)]
            for gap, weight in two:
                place += gap
                if weight:
                    row[place] += weight - 256 * (weight > 127)
        rows.append(list(row.values()))
    assert next(stream, None) is None
    return np.array(rows)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 900)),
    density=st.sampled_from([0.003, 0.02, 0.1, 0.5, 1.0]),
    spread=st.sampled_from([1, 3, 40]),
)
def test_decoding_gives_the_weights_back(seed: int, shape: tuple[int, int], density: float, spread: int) -> None:
    weights = weights_of(seed, shape, density)
    places = np.cumsum(np.random.default_rng(seed).integers(1, spread + 1, shape[1])) - 1
    sparse = sparse_of(weights, places, 10 * weights.size)
    if sparse is None:
        assert not weights.any()
        return
    np.testing.assert_array_equal(decoded(sparse, places), weights)
    entries = 2 * int(sparse.constants[1].values.sum())
    assert sparse.entries == entries >= np.count_nonzero(weights)
    assert sparse.constants[0].size_bytes == entries // 2 * (4 if sparse.gap_bits == 8 else 3)
    first = [places[row.nonzero()[0][0]] if row.any() else NOTHING for row in weights]
    assert sparse.first.tolist() == first


@pytest.mark.parametrize(("density", "bits"), [(0.03, 8), (0.3, 4)])
def test_many_weights_have_narrow_gaps(density: float, bits: int) -> None:
    sparse = sparse_of(weights_of(0, (16, 400), density), np.arange(400), 6400)
    assert sparse is not None
    assert sparse.gap_bits == bits


@pytest.mark.parametrize(("density", "smaller"), [(0.0, False), (0.01, True), (0.6, True), (0.7, False), (1.0, False)])
def test_it_is_there_where_it_is_smaller(density: float, smaller: bool) -> None:
    weights = weights_of(1, (64, 256), density)
    assert (sparse_of(weights, np.arange(256), weights.size) is not None) == smaller
