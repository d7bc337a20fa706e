"""Exported files: valid, loadable by onnxruntime and by our own importer, and as accurate as the float network."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from sparse_mcu.costmodel.graph import encode_input, load_graph
from sparse_mcu.costmodel.graph.qdq import OPSET
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.network.board_classes import board_classes
from sparse_mcu.search.network.inference import onnxruntime_classes
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.onnx_file import add_layer, build_model, write_onnx
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import float_error, train
from sparse_mcu.search.network.stages.quantization import activations, quantize
from sparse_mcu.search.space.architecture import Layer
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.simulation.reference import run_reference


@pytest.fixture(scope="module")
def data() -> Dataset:
    return digits.load(None)


@pytest.mark.parametrize("seed", range(16))
def test_any_configuration_runs_in_onnxruntime_and_lowers(
    space: Space, data: Dataset, tmp_path: Path, seed: int
) -> None:
    torch.manual_seed(seed)
    network = Network(build_architecture(space.sample(np.random.default_rng(seed)), space.task)).eval()
    path = tmp_path / "candidate.onnx"
    write_onnx(quantize(network, data.train.images[:64]), path, name="candidate")
    graph = load_graph(path)
    assert [graph.tensor(name).shape for name in graph.inputs] == [(1, 8, 8, 1)]
    assert [graph.tensor(name).shape for name in graph.outputs] == [(1, 10)]
    # The integer reference, which the firmware equals, decides as onnxruntime does ...
    images = data.validation.images[:40]
    theirs = onnxruntime_classes(path, images)
    source, sink = graph.inputs[0], graph.outputs[0]
    decided = [
        int(run_reference(graph, {source: encode_input(graph, source, image[np.newaxis])})[sink].argmax())
        for image in images
    ]
    assert np.array_equal(board_classes(graph, images), decided)
    assert np.mean(theirs != decided) <= 0.05
    # ... and nearly as the float network does: what it takes for the largest output is at most two int8 codes below it.
    outputs = np.asarray(activations(network, images)[-1])
    lost = outputs.max(axis=1) - outputs[np.arange(len(images)), decided]
    assert lost.max() <= 2 * graph.tensor(graph.outputs[0]).quantization.scale


def test_int8_is_about_as_accurate_as_float(data: Dataset, tmp_path: Path) -> None:
    configuration = Configuration.model_validate(
        {
            "input_pooling": 1,
            "blocks": [
                {"operator": "separable", "kernel": 4, "channels": 8, "padded": True, "reduction": "none"},
                {
                    "operator": "downsampled",
                    "kernel": 3,
                    "channels": 12,
                    "padded": True,
                    "reduction": "stride",
                    "squeeze": 2,
                },
            ],
            "head": "flatten",
            "hidden": [],
        }
    )
    network = train(build_architecture(configuration, data.task), data.train, Recipe(epochs=6), seed=0)
    path = tmp_path / "candidate.onnx"
    write_onnx(quantize(network, data.train.images[:256]), path, name="candidate")
    assert float_error(network, data.validation) < 0.08
    error = np.mean(board_classes(load_graph(path), data.validation.images) != data.validation.labels)
    assert error == pytest.approx(float_error(network, data.validation), abs=0.012)


def test_the_form_of_the_file(space: Space, data: Dataset) -> None:
    network = Network(build_architecture(space.sample(np.random.default_rng(3)), space.task)).eval()
    model = build_model(quantize(network, data.train.images[:16]), name="candidate")
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    types = {constant.name: constant.data_type for constant in model.graph.initializer}
    assert all(kind == onnx.TensorProto.INT8 for name, kind in types.items() if name.endswith("weights_quantized"))
    assert all(kind == onnx.TensorProto.INT32 for name, kind in types.items() if name.endswith("bias_quantized"))
    assert [value.name for value in model.graph.input] == ["image"]
    assert [value.name for value in model.graph.output] == ["logits"]
    produced = {name: node.op_type for node in model.graph.node for name in node.output}
    readers = [(node.op_type, name) for node in model.graph.node for name in node.input]
    for kind, name in readers:
        if kind in {"Conv", "Gemm", "MaxPool", "AveragePool", "GlobalAveragePool"}:
            assert produced[name] in {"DequantizeLinear", "Flatten"}


def test_an_unknown_layer_is_named() -> None:
    with pytest.raises(TypeError, match="Layer"):
        add_layer(Layer(name="x", inputs=("image",), input_shape=(1,)), None, [], None)
