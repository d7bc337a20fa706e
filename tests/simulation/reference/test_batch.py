"""Many images at once: bit for bit what they give one by one, for every operator and for whole networks."""

from pathlib import Path

import layer_cases
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.errors import SparseMcuError, UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import Clamp, Dense, Graph, Requantize, load_graph, rescale_for
from sparse_mcu.simulation.reference import run_batch, run_reference
from sparse_mcu.simulation.reference.registry import Signature, meanings

LAYERS = {
    "Add": layer_cases.additions(),
    "AveragePool2d": layer_cases.average_pools(),
    "Concat": layer_cases.concatenations(),
    "Conv2d": layer_cases.convolutions(),
    "Dense": layer_cases.dense_layers(),
    "Gather": layer_cases.gathers(),
    "MaxPool2d": layer_cases.max_pools(),
    "Pad2d": layer_cases.paddings(),
    "Requantize": layer_cases.requantizations(),
    "Reshape": layer_cases.reshapes(),
    "Slice": layer_cases.slices(),
    "Softmax": layer_cases.softmaxes(),
    "Transpose": layer_cases.transpositions(),
}


def batch_for(graph: Graph, count: int, seed: int) -> dict[str, np.ndarray]:
    """Random codes for every input, no image like another."""
    images = [layer_cases.random_inputs(graph, seed + number) for number in range(count)]
    return {name: np.stack([image[name] for image in images]) for name in graph.inputs}


def assert_batch_is_one_by_one(graph: Graph, inputs: dict[str, np.ndarray], count: int) -> None:
    together = run_batch(graph, inputs)
    assert together.keys() == set(graph.outputs)
    for number in range(count):
        alone = run_reference(graph, {name: array[number] for name, array in inputs.items()})
        for name, array in alone.items():
            assert together[name].dtype == np.int8
            assert np.array_equal(together[name][number], array)


def test_every_operator_of_the_reference_is_tested_here() -> None:
    assert set(LAYERS) == {kind.__name__ for kind in meanings()}


@pytest.mark.parametrize("kind", LAYERS)
@settings(max_examples=12, deadline=None)
@given(data=st.data(), count=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_a_batch_is_its_images_one_by_one(kind: str, data: st.DataObject, count: int, seed: int) -> None:
    case = data.draw(LAYERS[kind])
    assert type(case.operator).__name__ == kind
    graph = layer_cases.graph_of([case])
    assert_batch_is_one_by_one(graph, batch_for(graph, count, seed), count)


@pytest.mark.parametrize("elements", [1, 40, 300, 2000])
def test_memory_bounds_change_nothing(monkeypatch: pytest.MonkeyPatch, elements: int, shared_data: Path) -> None:
    graph = load_graph(shared_data / "models" / "mlperf__kws_ref_model.onnx")
    inputs = batch_for(graph, 3, seed=1)
    whole = run_batch(graph, inputs)
    monkeypatch.setattr("sparse_mcu.simulation.reference.conv2d._ELEMENTS_AT_A_TIME", 40 * elements)
    monkeypatch.setattr("sparse_mcu.simulation.reference.run._BYTES_AT_A_TIME", 40 * elements)
    bounded = run_batch(graph, inputs)
    assert all(np.array_equal(bounded[name], array) for name, array in whole.items())
    assert_batch_is_one_by_one(graph, inputs, 3)


def test_few_images_are_in_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = relu_of(40)
    seen: list[int] = []
    meaning = meanings()[Requantize]

    def counted(operator: Requantize, signature: Signature, inputs: list[np.ndarray]) -> np.ndarray:
        seen.append(len(inputs[0]))
        return meaning(operator, signature, inputs)

    monkeypatch.setattr("sparse_mcu.simulation.reference.run.meanings", lambda: {Requantize: counted})
    monkeypatch.setattr("sparse_mcu.simulation.reference.run._BYTES_AT_A_TIME", 1000)
    run_batch(graph, batch_for(graph, 30, seed=0))
    assert seen == [12, 12, 6]


def relu_of(size: int) -> Graph:
    """A graph of one Requantize on `size` codes."""
    operator = Requantize(
        name="", inputs=(), output="", rescale=rescale_for(1.0, 255, where="test"), clamp=Clamp(low=0)
    )
    tensor = layer_cases.tensor((1, size), 0)
    return layer_cases.graph_of([layer_cases.LayerCase(operator, (tensor,), tensor)])


def test_one_image_that_overflows_is_enough_to_refuse() -> None:
    weights, bias = np.full((1, 140_000), 127, np.int8), np.zeros(1, np.int32)
    rescale = rescale_for(1e-6, 2**20, where="test")
    operator = Dense(name="", inputs=(), output="", weights=weights, bias=bias, rescale=rescale, clamp=Clamp())
    case = layer_cases.LayerCase(operator, (layer_cases.tensor((1, 140_000), -128),), layer_cases.tensor((1, 1), 0))
    graph = layer_cases.graph_of([case])
    images = np.full((2, 1, 140_000), -128, np.int8)
    assert run_batch(graph, {graph.inputs[0]: images})[graph.outputs[0]].tolist() == [[[0]], [[0]]]
    images[1] = 127
    with pytest.raises(UnsupportedQuantizationError, match="overflows 32 bits"):
        run_batch(graph, {graph.inputs[0]: images})


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, r"inputs hold \[\] images"),
        ({"in0_0": np.zeros((0, 1, 4), np.int8)}, r"inputs hold \[0\] images"),
        ({"in0_0": np.zeros((2, 1, 4), np.int8), "z": np.zeros((3, 1, 4), np.int8)}, r"inputs hold \[2, 3\] images"),
        ({"z": np.zeros((2, 1, 4), np.int8)}, "Give exactly"),
        ({"in0_0": np.zeros((2, 4), np.int8)}, r"int8 \[1, 4\]"),
        ({"in0_0": np.zeros((2, 1, 4), np.int16)}, "int16"),
    ],
)
def test_batches_that_do_not_suit_are_refused(inputs: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(SparseMcuError, match=message):
        run_batch(relu_of(4), inputs)
