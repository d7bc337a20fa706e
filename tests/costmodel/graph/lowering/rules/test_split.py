"""Split against onnxruntime."""

from dataclasses import replace

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from qdq import QdqNetwork, Quantized

from sparse_mcu.costmodel.errors import ModelError
from sparse_mcu.costmodel.graph import Slice


def split(network: QdqNetwork, x: Quantized, axis: int, sizes: list[int], *, given: bool = True) -> list[Quantized]:
    """The parts, each quantised as the whole is."""
    name = network.fresh("split")
    outputs = [f"{name}_{index}" for index in range(len(sizes))]
    inputs = [network.dequantize(x), *([network.constant(np.array(sizes, np.int64))] if given else [])]
    network.nodes.append(helper.make_node("Split", inputs, outputs, name, axis=axis))
    parts = []
    for output, size in zip(outputs, sizes, strict=True):
        shape = list(x.shape)
        shape[axis] = size
        parts.append(network.quantize(output, tuple(shape), x.scale, x.zero_point))
    return parts


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_parts_agree(data: st.DataObject) -> None:
    network = QdqNetwork(np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))))
    x = network.input((1, 6, 4, 8))
    axis = data.draw(st.sampled_from([1, 2, 3, -1, -3]))
    extent = x.shape[axis]
    cuts = sorted(data.draw(st.sets(st.integers(1, extent - 1), max_size=3)))
    sizes = np.diff([0, *cuts, extent]).tolist()
    parts = split(network, x, axis, sizes, given=len(set(sizes)) > 1 or data.draw(st.booleans()))
    made = [network.conv(part, 3, (1, 1)) if data.draw(st.booleans()) else part for part in parts]
    graph = assert_agrees(network, *made)
    assert kinds(graph).count("Slice") == (len(sizes) if len(sizes) > 1 else 0)


def test_halves_of_the_channels_are_slices_of_the_map_as_it_is_stored() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    low, high = split(network, network.input((1, 6, 4, 4)), 1, [2, 4])
    graph = load_built(network, network.conv(low, 3, (1, 1)), network.conv(high, 3, (3, 3)))
    cuts = [operator for operator in graph.operators if isinstance(operator, Slice)]
    assert [cut.starts for cut in cuts] == [(0, 0, 0, 0), (0, 0, 0, 2)]
    assert [graph.output_of(cut).shape for cut in cuts] == [(1, 4, 4, 2), (1, 4, 4, 4)]


def test_a_part_that_nobody_reads_is_left_out() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    _, high = split(network, network.input((1, 6, 4, 4)), 1, [2, 4])
    assert kinds(load_built(network, network.conv(high, 3, (1, 1)))) == ["Slice", "Conv2d"]


@pytest.mark.parametrize(
    ("axis", "sizes", "outputs", "message"),
    [
        (4, [3, 3], ["a", "b"], "axis 4 of rank 4"),
        (1, [3, 4], ["a", "b"], r"parts of \[3, 4\] of an axis of 6"),
        (1, [6, 0], ["a", "b"], r"parts of \[6, 0\] of an axis of 6"),
        (1, [2, 2, 2], ["a", "b"], "for 2 outputs"),
        (1, [2, 4], ["b", ""], "left out"),
    ],
)
def test_other_splits_are_refused(axis: int, sizes: list[int], outputs: list[str], message: str) -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 6, 4, 4))
    inputs = [network.dequantize(x), network.constant(np.array(sizes, np.int64))]
    network.nodes.append(helper.make_node("Split", inputs, outputs, "split", axis=axis))
    read = network.quantize("b", (1, 3, 4, 4), x.scale, x.zero_point)
    with pytest.raises(ModelError, match=message):
        load_built(network, replace(read))
