"""Elements by a list of indices."""

import numpy as np
import pytest
from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches
from layer_cases import LayerCase, graph_of, tensor

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.costmodel.graph.operators import Gather
from sparse_mcu.simulation.firmware.choice.selection import select_kernels


@BATCHES
@given(batch=batches("gather"), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@pytest.mark.parametrize(
    ("indices", "symbol", "dtype"),
    [
        (range(0, 1296, 11), "steps", "uint8"),
        (range(255, -1, -5), "indices", "uint8"),
        ([5, 4, 1000], "indices", "uint16"),
        ([0, 300], "indices", "uint16"),
        ([70_000, 3], "indices", "uint32"),
    ],
)
def test_the_list_takes_as_few_bytes_as_it_can(indices: list[int], symbol: str, dtype: str) -> None:
    operator = Gather(name="", inputs=(), output="", axis=1, indices=np.array(indices, np.int64))
    case = LayerCase(operator, (tensor((1, 70_001), 0),), tensor((1, len(indices)), 0))
    (constant,) = select_kernels(graph_of([case]), load_core("cortex-m4"))["node/0"].constants
    assert (constant.symbol, constant.values.dtype.name, constant.values.size) == (symbol, dtype, len(indices))
