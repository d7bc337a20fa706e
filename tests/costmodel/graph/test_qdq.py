"""Models of the builder are valid, mean what was asked for, and load as a graph."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.graph import Clamp, Conv2d, Dense, Graph, Quantization, Reshape, load_graph
from sparse_mcu.costmodel.graph.qdq import OPSET, Codes, QdqBuilder

INPUT = Quantization(0.5, 3)
HIDDEN = Quantization(2.0, -128)
OUTPUT = Quantization(4.0, 7)


def built(weights: np.ndarray, bias: np.ndarray, scales: np.ndarray) -> onnx.ModelProto:
    """A 2x2 convolution of a 4x4 image of one channel with a Relu, and a dense layer of one unit."""
    qdq = QdqBuilder()
    value = qdq.requantized("image", INPUT)
    bias_scales = scales * np.float32(INPUT.scale)
    sums = qdq.accumulated(
        "Conv", value, Codes(weights, scales), Codes(bias, bias_scales), name="conv", kernel_shape=[2, 2]
    )
    value = qdq.node("Flatten", qdq.requantized(qdq.node("Relu", sums, name="conv"), HIDDEN), axis=1)
    ones = Codes(np.ones((1, 9 * len(scales)), np.int8), np.ones(1, np.float32))
    none = Codes(np.zeros(1, np.int32), np.full(1, HIDDEN.scale, np.float32))
    value = qdq.requantized(qdq.accumulated("Gemm", value, ones, none, name="dense", transB=1), OUTPUT)
    return qdq.model("tiny", {"image": (1, 1, 4, 4)}, {value: (1, 1)}, producer_version="1.2.3")


def loaded(model: onnx.ModelProto, folder: Path) -> Graph:
    """The model as a graph."""
    path = folder / "tiny.onnx"
    onnx.save(model, path)
    return load_graph(path)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), channels=st.integers(1, 3))
def test_a_network_loads_with_its_numbers(tmp_path_factory: pytest.TempPathFactory, seed: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-127, 128, (channels, 1, 2, 2), dtype=np.int8)
    bias = rng.integers(-500, 500, channels, dtype=np.int32)
    scales = rng.uniform(0.01, 0.02, channels).astype(np.float32)
    graph = loaded(built(weights, bias, scales), tmp_path_factory.mktemp("model"))
    conv, view, dense = graph.operators
    assert isinstance(conv, Conv2d)
    assert isinstance(view, Reshape)
    assert isinstance(dense, Dense)
    np.testing.assert_array_equal(conv.weights, weights.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(conv.bias, bias)
    assert conv.clamp == Clamp(low=-128)
    found = [graph.tensor(name).quantization for name in (conv.inputs[0], conv.output, dense.output)]
    assert found == [INPUT, HIDDEN, OUTPUT]


def test_the_file_states_its_form(tmp_path: Path) -> None:
    model = built(np.ones((1, 1, 2, 2), np.int8), np.zeros(1, np.int32), np.ones(1, np.float32))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    assert (model.producer_name, model.producer_version) == ("sparse-mcu", "1.2.3")
    assert [operator.name for operator in loaded(model, tmp_path).operators if isinstance(operator, Conv2d)] == [
        "conv_sums"
    ]


def test_names_are_unique_and_those_of_their_values() -> None:
    qdq = QdqBuilder()
    names = [qdq.node("Relu", "x"), qdq.node("Relu", "x"), qdq.node("Relu", "x", name="mine"), qdq.constant(1.0)]
    assert names == ["relu", "relu.1", "mine", "constant"]
    assert [node.name for node in qdq.nodes] == [node.output[0] for node in qdq.nodes]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_codes_may_be_read_more_than_once(dtype: str) -> None:
    qdq = QdqBuilder()
    codes = qdq.quantized("x", Quantization(0.1, 5), dtype)
    first, second = qdq.dequantized(codes, Quantization(0.1, 5), dtype), qdq.dequantized(codes, Quantization(0.1, 5))
    assert first != second
    kinds = [constant.data_type for constant in qdq.initializers]
    stated = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    assert kinds[1] == kinds[3] == stated


def test_a_model_that_is_no_onnx_is_refused() -> None:
    qdq = QdqBuilder()
    value = qdq.node("NoSuchOperator", "image")
    with pytest.raises(onnx.checker.ValidationError):
        qdq.model("wrong", {"image": (1, 4)}, {value: (1, 4)})
