"""Compares our integers with onnxruntime's floats, for models made with `qdq`."""

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from qdq import QdqNetwork, Quantized, run_onnxruntime

from sparse_mcu.costmodel.graph import Graph, decode_output, encode_input, load_graph
from sparse_mcu.simulation.reference import run_reference


def load_built(network: QdqNetwork, *outputs: Quantized) -> Graph:
    """Builds a network and returns its graph."""
    return load_model(network.build(*outputs))


def load_model(model: onnx.ModelProto) -> Graph:
    """Returns the graph of a model in memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        return load_graph(path)


def random_inputs(graph: Graph, rng: np.random.Generator) -> dict[str, npt.NDArray[np.generic]]:
    """Returns an array for each input, in the type and shape of the model's input, with random codes."""
    inputs: dict[str, npt.NDArray[np.generic]] = {}
    for name in graph.inputs:
        port, quantization = graph.ports[name], graph.tensor(name).quantization
        codes = rng.integers(-128, 128, port.shape)
        if port.dtype == "float32":
            inputs[name] = ((codes - quantization.zero_point) * quantization.scale).astype(np.float32)
        else:
            inputs[name] = codes.astype(np.int8) if port.dtype == "int8" else (codes + 128).astype(np.uint8)
    return inputs


def assert_agrees(network: QdqNetwork, *outputs: Quantized, runs: int = 2) -> Graph:
    """Asserts that hardly any output differs from onnxruntime's, by one step at most, and returns the graph.

    Ties, and values within float32's error of a tie, may be rounded either way. So three elements and one in a thousand
    may differ.
    """
    model = network.build(*outputs)
    graph = load_model(model)
    different = elements = 0
    for _ in range(runs):
        inputs = random_inputs(graph, network.rng)
        expected = run_onnxruntime(model, inputs)
        got = run_reference(graph, {name: encode_input(graph, name, array) for name, array in inputs.items()})
        for name in graph.outputs:
            decoded = decode_output(graph, name, got[name])
            assert decoded.dtype == expected[name].dtype
            assert decoded.shape == expected[name].shape
            unit = graph.tensor(name).quantization.scale if graph.ports[name].dtype == "float32" else 1.0
            distance = np.rint(np.abs(decoded.astype(np.float64) - expected[name].astype(np.float64)) / unit)
            assert distance.max() <= 1
            different += int(np.count_nonzero(distance))
            elements += distance.size
    assert different <= 3 + elements / 1000
    return graph


def kinds(graph: Graph) -> list[str]:
    """Returns the class names of the graph's operators."""
    return [type(operator).__name__ for operator in graph.operators]
