"""The classes of the integer reference: image by image the same, and ties go to the first."""

from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.costmodel.errors import ModelError
from sparse_mcu.costmodel.graph import Graph, encode_input, load_graph
from sparse_mcu.search.network.board_classes import board_classes
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.onnx_file import write_onnx
from sparse_mcu.search.network.stages.quantization import quantize
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.simulation.reference import run_reference

DENSE = Configuration(input_pooling=1, blocks=(), head="flatten", hidden=())
IMAGES = np.random.default_rng(0).random((300, 1, 8, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def graph(space: Space, tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """An untrained network: one dense layer, whose classes hang on the image."""
    path: Path = tmp_path_factory.mktemp("network") / "candidate.onnx"
    network = Network(build_architecture(DENSE, space.task)).eval()
    write_onnx(quantize(network, IMAGES[:64]), path, name="candidate")
    return load_graph(path)


def test_they_are_those_of_the_reference_image_by_image(graph: Graph) -> None:
    source, sink = graph.inputs[0], graph.outputs[0]
    alone = [run_reference(graph, {source: encode_input(graph, source, image[np.newaxis])})[sink] for image in IMAGES]
    classes = board_classes(graph, IMAGES)
    assert len(set(classes.tolist())) > 1
    assert np.array_equal(classes, [int(logits.argmax()) for logits in alone])


def test_of_equal_logits_the_first_counts(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.array([[[3, 7, 7, 0]], [[5, 5, 5, 5]]], np.int8)
    module = "sparse_mcu.search.network.board_classes.run_batch"
    monkeypatch.setattr(module, lambda *_: {graph.outputs[0]: logits})
    assert board_classes(graph, IMAGES[:2]).tolist() == [1, 0]


def test_images_of_another_shape_are_refused(graph: Graph) -> None:
    with pytest.raises(ModelError, match="shape"):
        board_classes(graph, IMAGES[:, :, :7])
