"""Models as onnxruntime's own quantiser makes them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from differential import kinds
from onnx import TensorProto, helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from qdq import run_onnxruntime

from sparse_mcu.costmodel.graph import decode_output, encode_input, load_graph
from sparse_mcu.simulation.reference import run_reference

SHAPE = (1, 2, 12, 12)


def float_network() -> onnx.ModelProto:
    """Convolutions, a residual, two branches, pools and a classifier, as exporters write them."""
    rng = np.random.default_rng(0)
    initializers: list[onnx.TensorProto] = []

    def constant(*shape: int) -> str:
        name = f"c{len(initializers)}"
        array = rng.normal(0, 0.4, shape).astype(np.float32)
        initializers.append(onnx.numpy_helper.from_array(array, name))
        return name

    three = {"kernel_shape": (3, 3), "pads": (1, 1, 1, 1)}
    nodes = [
        helper.make_node("Conv", ["x", constant(8, 2, 3, 3), constant(8)], ["a"], **three),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", constant(8, 1, 3, 3), constant(8)], ["c"], group=8, **three),
        helper.make_node("Clip", ["c", "zero", "six"], ["d"]),
        helper.make_node("Add", ["b", "d"], ["e"]),
        helper.make_node("MaxPool", ["e"], ["f"], kernel_shape=(2, 2), strides=(2, 2)),
        helper.make_node("Conv", ["f", constant(4, 8, 1, 1), constant(4)], ["g"]),
        helper.make_node("Conv", ["f", constant(4, 8, 3, 3), constant(4)], ["h"], **three),
        helper.make_node("Concat", ["g", "h"], ["i"], axis=1),
        helper.make_node("Flatten", ["i"], ["j"]),
        helper.make_node("Gemm", ["j", constant(10, 288), constant(10)], ["k"], transB=1),
        helper.make_node("Softmax", ["k"], ["y"]),
    ]
    for name, value in (("zero", 0.0), ("six", 6.0)):
        initializers.append(onnx.numpy_helper.from_array(np.array(value, np.float32), name))
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *SHAPE[1:]])
    sink = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, "net", [source], [sink], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def samples(count: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
    """Inputs of the network."""
    rng = np.random.default_rng(seed)
    return iter([{"x": rng.normal(size=SHAPE).astype(np.float32)} for _ in range(count)])


class Samples(CalibrationDataReader):
    """Inputs to calibrate with."""

    def __init__(self) -> None:
        self._samples = samples(10, 1)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next, until there is none."""
        return next(self._samples, None)


@pytest.mark.parametrize(("activations", "per_channel"), [(QuantType.QInt8, True), (QuantType.QUInt8, False)])
def test_statically_quantised_models_agree(tmp_path: Path, activations: QuantType, per_channel: bool) -> None:
    onnx.save(float_network(), tmp_path / "float.onnx")
    path = tmp_path / "int8.onnx"
    quantize_static(
        tmp_path / "float.onnx",
        path,
        Samples(),
        quant_format=QuantFormat.QDQ,
        activation_type=activations,
        weight_type=QuantType.QInt8,
        per_channel=per_channel,
    )
    graph = load_graph(path)
    assert not {"Transpose", "Pad2d"} & set(kinds(graph))
    model = onnx.load(path)
    (source,), (sink,) = graph.inputs, graph.outputs
    for sample in samples(10, 2):
        expected = run_onnxruntime(model, sample)[sink]
        outputs = run_reference(graph, {source: encode_input(graph, source, sample["x"])})
        difference = np.abs(decode_output(graph, sink, outputs[sink]) - expected)
        assert np.rint(difference.max() / graph.tensor(sink).quantization.scale) <= 1
