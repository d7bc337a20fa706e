"""Windows against onnx's own shape inference."""

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from sparse_mcu.costmodel.errors import ModelError
from sparse_mcu.costmodel.graph.attributes import Attributes
from sparse_mcu.costmodel.graph.lowering.window import place_window
from sparse_mcu.costmodel.graph.node import Node


def node_of(proto: onnx.NodeProto) -> Node:
    """The project's form of an ONNX node."""
    return Node(proto.op_type, "n", tuple(proto.input), tuple(proto.output), Attributes(proto.attribute, "n"), "n")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_output_sizes_are_those_of_onnx(data: st.DataObject) -> None:
    draw = data.draw
    kernel = [draw(st.integers(1, 4)) for _ in range(2)]
    attributes: dict[str, object] = {
        "strides": [draw(st.integers(1, 4)) for _ in range(2)],
        "ceil_mode": draw(st.integers(0, 1)),
    }
    if draw(st.booleans()):
        attributes["pads"] = [draw(st.integers(0, kernel[index % 2] - 1)) for index in range(4)]
        attributes["dilations"] = [draw(st.integers(1, 2)) for _ in range(2)]
    else:
        attributes["auto_pad"] = draw(st.sampled_from(["SAME_UPPER", "SAME_LOWER"]))
        attributes["ceil_mode"] = 0
    size = [draw(st.integers(1, 12)) for _ in range(2)]
    proto = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=kernel, **attributes)
    try:
        placement = place_window(node_of(proto), kernel, (1, *size, 3))
    except ModelError as error:
        assume("does not fit" not in str(error))
        raise
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, *size])
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    model = helper.make_model(
        helper.make_graph([proto], "g", [source], [made]), opset_imports=[helper.make_opsetid("", 22)]
    )
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph.output[0].type.tensor_type.shape.dim
    assert placement.size == tuple(entry.dim_value for entry in inferred)[2:]
    top, left, bottom, right = placement.window.padding
    padded = np.array([size[0] + top + bottom, size[1] + left + right])
    reach = (np.array(kernel) - 1) * placement.window.dilations + 1
    assert tuple((padded - reach) // placement.window.strides + 1) == placement.size


def test_a_signal_has_height_one() -> None:
    proto = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3], strides=[2], pads=[1, 0])
    placement = place_window(node_of(proto), (3,), (1, 1, 9, 4))
    assert placement.window.kernel == (1, 3)
    assert placement.window.strides == (1, 2)
    assert placement.window.padding == (0, 1, 0, 0)
    assert placement.size == (1, 4)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"strides": [0, 1]}, "strides"),
        ({"strides": [1]}, "2 numbers of at least 1"),
        ({"pads": [-1, 0, 0, 0]}, "pads"),
        ({"dilations": [2**40, 1]}, "does not fit"),
        ({"pads": [2**40] * 4}, "padding makes its input"),
        ({"auto_pad": "SOME"}, "auto_pad 'SOME'"),
    ],
)
def test_malformed_attributes_are_refused(attributes: dict[str, object], message: str) -> None:
    proto = helper.make_node("Conv", ["x", "w"], ["y"], **attributes)
    with pytest.raises(ModelError, match=message):
        place_window(node_of(proto), (3, 3), (1, 8, 8, 2))
