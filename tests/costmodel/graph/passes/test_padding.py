"""Borders folded into windows: the same bytes, and no Pad2d where the border is the window's own."""

from dataclasses import replace

import numpy as np
import pytest
from graph_faults import faults
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import LayerCase, average_pools, convolutions, max_pools, random_inputs

from sparse_mcu.costmodel.graph import Graph, MaxPool2d, Pad2d, Tensor
from sparse_mcu.costmodel.graph.passes import PADDING, fold_padding, remove_dead, run_passes
from sparse_mcu.simulation.reference import run_reference

WINDOWED = convolutions() | convolutions(kind="depthwise") | average_pools() | max_pools()


def padded(case: LayerCase, value: int | None) -> Graph:
    """A Pad2d of `value` (None: the border that the window would use itself), then the window of `case`.

    As much of the window's padding as there is becomes the Pad2d's.
    """
    (source,), window = case.inputs, case.operator.window
    top, left, bottom, right = window.padding
    _, height, width, channels = source.shape
    wide = replace(source, name="wide", shape=(1, height + top + bottom, width + left + right, channels))
    neutral = -128 if isinstance(case.operator, MaxPool2d) else source.quantization.zero_point
    border = neutral if value is None else value
    pad = Pad2d(name="pad", inputs=("x",), output="wide", padding=window.padding, value=border)
    plain = replace(window, padding=(0, 0, 0, 0))
    operator = replace(case.operator, name="window", inputs=("wide",), output="y", window=plain)
    tensors = {"x": replace(source, name="x"), "wide": wide, "y": replace(case.output, name="y")}
    return Graph("padded", "", tensors, (pad, operator), ("x",), ("y",))


def kinds(graph: Graph) -> list[str]:
    """Classes of the operators."""
    return [type(operator).__name__ for operator in graph.operators]


def assert_same(before: Graph, after: Graph) -> None:
    """Both compute the same bytes."""
    for seed in range(3):
        inputs = random_inputs(before, seed)
        first, second = run_reference(before, inputs), run_reference(after, inputs)
        for name in before.outputs:
            np.testing.assert_array_equal(first[name], second[name])


@settings(max_examples=80, deadline=None)
@given(case=WINDOWED, value=st.none() | st.integers(-128, 127))
def test_folding_changes_no_output(case: LayerCase, value: int | None) -> None:
    before = padded(case, value)
    folded = fold_padding(before)
    assert faults(folded) == []
    assert PADDING.ensures(folded)
    assert_same(before, remove_dead(folded))


@settings(max_examples=40, deadline=None)
@given(case=WINDOWED)
def test_the_windows_own_border_is_folded(case: LayerCase) -> None:
    after = remove_dead(fold_padding(padded(case, None)))
    assert kinds(after) == [type(case.operator).__name__]
    assert after.operators[0].window == case.operator.window


@settings(max_examples=40, deadline=None)
@given(case=WINDOWED)
def test_a_border_that_others_read_stays(case: LayerCase) -> None:
    before = replace(padded(case, None), outputs=("y", "wide"))
    assert kinds(fold_padding(before)) == ["Pad2d", type(case.operator).__name__]
    assert fold_padding(before).operators[1].inputs == ("wide",)


@given(case=max_pools().filter(lambda case: case.inputs[0].quantization.zero_point != -128))
def test_a_border_of_zeros_may_win_a_maximum(case: LayerCase) -> None:
    before = padded(case, case.inputs[0].quantization.zero_point)
    assert fold_padding(before).operators == before.operators


@pytest.mark.parametrize(("fold", "expected"), [(True, ["Conv2d"]), (False, ["Pad2d", "Conv2d"])])
@given(data=st.data())
@settings(max_examples=5)
def test_it_is_a_switch_of_the_passes(*, fold: bool, expected: list[str], data: st.DataObject) -> None:
    before = padded(data.draw(convolutions()), None)
    assert kinds(run_passes(before, pads_folded=fold)) == expected


@given(case=convolutions())
@settings(max_examples=20)
def test_two_borders_add_up(case: LayerCase) -> None:
    before = padded(case, None)
    pad, conv = before.operators
    window = replace(conv.window, padding=(1, 2, 0, 1))
    _, height, width, channels = case.output.shape
    stride = window.strides
    grown = replace(conv, window=window)
    reach = [(k - 1) * d + 1 for k, d in zip(window.kernel, window.dilations, strict=True)]
    wide: Tensor = before.tensors["wide"]
    height = (wide.shape[1] + 1 - reach[0]) // stride[0] + 1
    width = (wide.shape[2] + 3 - reach[1]) // stride[1] + 1
    tensors = {**before.tensors, "y": replace(before.tensors["y"], shape=(1, height, width, channels))}
    both = replace(before, operators=(pad, grown), tensors=tensors)
    after = remove_dead(fold_padding(both))
    assert kinds(after) == ["Conv2d"]
    assert_same(both, after)
