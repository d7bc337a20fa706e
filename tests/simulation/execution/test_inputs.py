"""Inputs from .npy files."""

from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.graph import Graph, Port, Quantization, Tensor
from sparse_mcu.simulation.execution.inputs import stored_inputs

STORED, PORT = (1, 2, 3, 1), (1, 1, 2, 3)


@pytest.fixture
def graph() -> Graph:
    """One input: float NCHW in the model, int8 NHWC in memory."""
    tensor = Tensor("x", STORED, Quantization(0.5, 3))
    port = Port(PORT, (0, 2, 3, 1), "float32")
    return Graph("net", "0" * 64, {"x": tensor}, (), ("x",), ("x",), {"x": port})


def save(folder: Path, array: np.ndarray) -> Path:
    path = folder / "x.npy"
    np.save(path, array)
    return path


def test_the_models_own_form_is_quantised_and_laid_out_with_or_without_batch(tmp_path: Path, graph: Graph) -> None:
    values = np.array([-1e9, 0.0, 0.5, 1.0, -0.5, 1e9])
    for shape in (PORT, PORT[1:]):
        loaded = stored_inputs(save(tmp_path, values.reshape(shape)), graph)
        np.testing.assert_array_equal(loaded["x"], np.array([-128, 3, 4, 5, 2, 127]).reshape(STORED))


def test_stored_int8_is_taken_as_it_is(tmp_path: Path, graph: Graph) -> None:
    values = np.arange(-3, 3, dtype=np.int8).reshape(STORED)
    np.testing.assert_array_equal(stored_inputs(save(tmp_path, values), graph)["x"], values)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((1, 2, 2, 2), np.int8), r"shape \(1, 2, 2, 2\), but the model's input 'x' has \(1, 1, 2, 3\)"),
        (np.zeros(PORT, np.int64), "type int64"),
        (np.full(PORT, np.nan), "NaN or infinity"),
        (np.full(PORT, None, object), "not a readable .npy"),
    ],
)
def test_bad_arrays_are_refused(tmp_path: Path, graph: Graph, array: np.ndarray, message: str) -> None:
    with pytest.raises(SparseMcuError, match=message):
        stored_inputs(save(tmp_path, array), graph)


def test_bad_files_are_refused(tmp_path: Path, graph: Graph) -> None:
    with pytest.raises(SparseMcuError, match="cannot be read"):
        stored_inputs(tmp_path / "missing.npy", graph)
    truncated = save(tmp_path, np.zeros(STORED, np.int8))
    truncated.write_bytes(truncated.read_bytes()[:-2])
    with pytest.raises(SparseMcuError, match="not a readable"):
        stored_inputs(truncated, graph)
    archive = tmp_path / "x.npz"
    np.savez(archive, a=np.zeros(3))
    with pytest.raises(SparseMcuError, match="archive of arrays"):
        stored_inputs(archive, graph)


def test_a_model_with_two_inputs_takes_no_file(tmp_path: Path, graph: Graph) -> None:
    two = Graph("net", "0" * 64, graph.tensors, (), ("x", "x"), ("x",), graph.ports)
    with pytest.raises(SparseMcuError, match="2 inputs"):
        stored_inputs(save(tmp_path, np.zeros(STORED, np.int8)), two)
