"""Transpose against onnxruntime."""

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import ModelError


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_layout_transposes_around_convolutions_vanish(direct: bool, dtype: str) -> None:
    network = QdqNetwork(np.random.default_rng(0), dtype=dtype)
    x = network.transpose(network.input((1, 9, 8, 3)), (0, 3, 1, 2), direct=direct)
    x = network.transpose(network.conv(x, 4, (3, 3)), (0, 2, 3, 1), direct=direct)
    x = network.transpose(x, (0, 3, 1, 2), direct=direct)
    graph = assert_agrees(network, network.transpose(network.conv(x, 5, (3, 3)), (0, 2, 3, 1), direct=direct))
    assert kinds(graph) == ["Conv2d", "Conv2d"]
    assert graph.tensor(graph.inputs[0]).shape == (1, 9, 8, 3)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), first=st.permutations([1, 2, 3]), second=st.permutations([1, 2, 3]))
def test_any_permutations_between_convolutions_agree(seed: int, first: list[int], second: list[int]) -> None:
    network = QdqNetwork(np.random.default_rng(seed))
    x = network.conv(network.input((1, 3, 7, 6)), 4, (2, 2))
    x = network.transpose(network.transpose(x, (0, *first)), (0, *second))
    graph = assert_agrees(network, network.conv(x, 3, (2, 2)))
    assert kinds(graph).count("Transpose") <= 1


def test_a_permutation_of_another_rank_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.structural("Transpose", [network.input((1, 3, 7))], (1, 3, 7), direct=True, perm=(0, 2, 3, 1))
    with pytest.raises(ModelError, match=r"rank"):
        load_built(network, network.requantize(x, 0.1, 0))
