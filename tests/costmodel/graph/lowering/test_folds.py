"""Constant nodes against onnx's reference evaluator."""

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from sparse_mcu.costmodel.errors import ModelError, UnsupportedQuantizationError
from sparse_mcu.costmodel.graph.attributes import Attributes
from sparse_mcu.costmodel.graph.lowering.constants import Constant
from sparse_mcu.costmodel.graph.lowering.folds import fold
from sparse_mcu.costmodel.graph.node import Node

I64 = np.int64
CODES = np.arange(-60, 60, dtype=np.int8).reshape(4, 5, 6)

CASES = {
    "dequantize": ("DequantizeLinear", [CODES, np.float32(0.1), np.int8(3)], {}),
    "dequantize per channel": (
        "DequantizeLinear",
        [CODES, np.linspace(0.1, 0.5, 5, dtype=np.float32), np.arange(5, dtype=np.int8)],
        {"axis": -2},
    ),
    "quantize": ("QuantizeLinear", [np.linspace(-9, 9, 30, dtype=np.float32), np.float32(0.05), np.uint8(7)], {}),
    "quantize per channel": (
        "QuantizeLinear",
        [np.linspace(-9, 9, 30, dtype=np.float32).reshape(3, 10), np.float32([0.1, 0.2, 0.3]), np.int8([1, 2, 3])],
        {"axis": 0},
    ),
    "transpose": ("Transpose", [CODES], {"perm": [2, 0, 1]}),
    "reverse": ("Transpose", [CODES], {}),
    "identity": ("Identity", [CODES], {}),
    "gather": ("Gather", [I64([7, 8, 9]), I64(-1)], {}),
    "unsqueeze": ("Unsqueeze", [I64(7), I64([0])], {}),
    "squeeze": ("Squeeze", [I64([7]), I64([0])], {}),
    "concat": ("Concat", [I64([7]), I64([8, 9])], {"axis": 0}),
    "slice": ("Slice", [I64([1, 2, 3, 4]), I64([1]), I64([2**63 - 1]), I64([0]), I64([2])], {}),
    "slice of three": ("Slice", [I64([1, 2, 3, 4]), I64([-3]), I64([-1])], {}),
    "cast": ("Cast", [I64([1, 2])], {"to": onnx.TensorProto.INT64}),
}


def folded(kind: str, arrays: list[np.ndarray], attributes: dict[str, object]) -> Constant | None:
    """What the project makes of a node whose inputs are these arrays."""
    names = tuple(f"i{index}" for index in range(len(arrays)))
    proto = helper.make_node(kind, names, ["y"], **attributes)
    node = Node(kind, "n", names, ("y",), Attributes(proto.attribute, "n"), "n")
    return fold(node, {name: Constant(np.asarray(array)) for name, array in zip(names, arrays, strict=True)})


@pytest.mark.parametrize("name", CASES)
def test_folding_is_what_onnx_defines(name: str) -> None:
    kind, arrays, attributes = CASES[name]
    names = [f"i{index}" for index in range(len(arrays))]
    proto = helper.make_node(kind, names, ["y"], **attributes)
    arrays = [np.asarray(array) for array in arrays]
    infos = [
        helper.make_tensor_value_info(entry, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for entry, array in zip(names, arrays, strict=True)
    ]
    graph = helper.make_graph([proto], "g", infos, [helper.make_empty_tensor_value_info("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    (expected,) = ReferenceEvaluator(model).run(None, dict(zip(names, arrays, strict=True)))
    got = folded(kind, arrays, attributes)
    assert got is not None
    assert got.shape == expected.shape
    assert np.allclose(got.real(), expected.astype(np.float64), rtol=1e-6)


def test_a_transposed_scale_runs_along_its_new_axis() -> None:
    names = ("codes", "scale", "zero")
    constants = {
        "codes": Constant(CODES),
        "scale": Constant(np.linspace(0.1, 0.5, 5, dtype=np.float32)),
        "zero": Constant(np.zeros(5, np.int8)),
    }
    proto = helper.make_node("DequantizeLinear", names, ["y"], axis=1)
    real = fold(Node("DequantizeLinear", "n", names, ("y",), Attributes(proto.attribute, "n"), "n"), constants)
    assert real is not None
    proto = helper.make_node("Transpose", ["y"], ["z"], perm=[1, 2, 0])
    moved = fold(Node("Transpose", "n", ("y",), ("z",), Attributes(proto.attribute, "n"), "n"), {"y": real})
    assert moved is not None
    assert moved.axis == 0
    assert np.array_equal(moved.real(), real.real().transpose(1, 2, 0))


def test_what_reads_an_activation_is_left() -> None:
    node = Node("Concat", "n", ("x", "y"), ("z",), Attributes([], "n"), "n")
    assert fold(node, {"x": Constant(np.array([1]))}) is None


@pytest.mark.parametrize(
    ("kind", "arrays", "attributes", "message"),
    [
        ("Gather", [I64([1, 2]), I64(2)], {}, "indices leave its data"),
        ("Gather", [CODES, I64(2)], {}, "no short list of integers"),
        ("Transpose", [CODES], {"perm": [0, 1]}, "permutation"),
        (
            "DequantizeLinear",
            [CODES, np.ones(7, np.float32), np.zeros(7, np.int8)],
            {"axis": 1},
            "7 scales along axis 1",
        ),
        ("DequantizeLinear", [CODES, np.float32(1), np.int64(0)], {}, "int8 codes with a zero point of int64"),
        ("DequantizeLinear", [np.ones(3, np.float32), np.float32(1)], {}, "no integer"),
        ("QuantizeLinear", [np.float32([np.nan]), np.float32(1), np.int8(0)], {}, "holds NaN"),
        ("Constant", [], {}, "without a numeric value"),
        ("Slice", [I64([1, 2]), I64([0]), I64([2]), I64([0]), I64([0])], {}, "not a slice"),
    ],
)
def test_malformed_constants_are_refused(
    kind: str, arrays: list[np.ndarray], attributes: dict[str, object], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        folded(kind, arrays, attributes)


def test_weights_are_not_quantised_to_other_types() -> None:
    with pytest.raises(UnsupportedQuantizationError, match="quantises a constant to int16"):
        folded("QuantizeLinear", [np.ones(3, np.float32), np.float32(1), np.int16(0)], {})
