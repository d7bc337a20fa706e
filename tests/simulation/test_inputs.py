"""Inputs from .npy files."""

from pathlib import Path

import numpy as np
import pytest

from costmodel.errors import SparseMcuError
from costmodel.graph import Graph, Quantization, Tensor
from simulation.inputs import load_inputs

SHAPE = (1, 2, 2, 1)


@pytest.fixture
def graph() -> Graph:
    tensor = Tensor("x", SHAPE, Quantization(0.5, 3))
    return Graph("net", "0" * 64, {"x": tensor}, (), ("x",), ("x",))


def save(folder: Path, array: np.ndarray) -> Path:
    path = folder / "x.npy"
    np.save(path, array)
    return path


def test_int8_is_taken_as_it_is_with_or_without_batch(tmp_path: Path, graph: Graph) -> None:
    values = np.array([-128, 0, 1, 127], np.int8)
    for shape in (SHAPE, SHAPE[1:]):
        loaded = load_inputs(save(tmp_path, values.reshape(shape)), graph)
        np.testing.assert_array_equal(loaded["x"], values.reshape(SHAPE))


def test_floats_are_quantised_and_saturate(tmp_path: Path, graph: Graph) -> None:
    loaded = load_inputs(save(tmp_path, np.array([-1e9, 0.0, 0.5, 1e9]).reshape(SHAPE)), graph)
    np.testing.assert_array_equal(loaded["x"].ravel(), [-128, 3, 4, 127])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((1, 2, 2, 2), np.int8), r"shape \(1, 2, 2, 2\), but the model's input is \(1, 2, 2, 1\)"),
        (np.zeros(SHAPE, np.int64), "type int64"),
        (np.full(SHAPE, np.nan), "not all finite"),
        (np.full(SHAPE, None, object), "not a readable .npy"),
    ],
)
def test_bad_arrays_are_refused(tmp_path: Path, graph: Graph, array: np.ndarray, message: str) -> None:
    with pytest.raises(SparseMcuError, match=message):
        load_inputs(save(tmp_path, array), graph)


def test_bad_files_are_refused(tmp_path: Path, graph: Graph) -> None:
    with pytest.raises(SparseMcuError, match="not a readable"):
        load_inputs(tmp_path / "missing.npy", graph)
    truncated = save(tmp_path, np.zeros(SHAPE, np.int8))
    truncated.write_bytes(truncated.read_bytes()[:-2])
    with pytest.raises(SparseMcuError, match="not a readable"):
        load_inputs(truncated, graph)
    archive = tmp_path / "x.npz"
    np.savez(archive, a=np.zeros(3))
    with pytest.raises(SparseMcuError, match="archive of arrays"):
        load_inputs(archive, graph)


def test_a_model_with_two_inputs_takes_no_file(tmp_path: Path, graph: Graph) -> None:
    two = Graph("net", "0" * 64, graph.tensors, (), ("x", "x"), ("x",))
    with pytest.raises(SparseMcuError, match="2 inputs"):
        load_inputs(save(tmp_path, np.zeros(SHAPE, np.int8)), two)
