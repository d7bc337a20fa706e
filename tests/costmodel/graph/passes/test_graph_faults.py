"""The check of the passes' tests sees each kind of fault."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from graph_faults import faults

from sparse_mcu.costmodel.graph import Graph, Quantization, Reshape, Tensor

UNITS = Quantization(0.1, 0)
FIRST = Reshape(name="first", inputs=("x",), output="y")
SECOND = Reshape(name="second", inputs=("y",), output="z")
TENSORS = {name: Tensor(name, shape, UNITS) for name, shape in (("x", (1, 6)), ("y", (2, 3)), ("z", (3, 2)))}
GRAPH = Graph("test", "", TENSORS, (FIRST, SECOND), ("x",), ("z",))


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda graph: replace(graph, operators=(SECOND, FIRST)), "second reads y too early"),
        (lambda graph: replace(graph, operators=(FIRST, FIRST, SECOND)), "tensor y is made 2 times"),
        (lambda graph: replace(graph, operators=(FIRST, replace(SECOND, name="first"))), "operator first is made"),
        (lambda graph: replace(graph, outputs=("w",)), "output w is made by nothing"),
        (lambda graph: replace(graph, tensors={"x": TENSORS["x"], "y": TENSORS["y"]}), "z has no tensor"),
        (lambda graph: replace(graph, tensors={**TENSORS, "z": TENSORS["x"]}), "z is called x"),
        (lambda graph: replace(graph, tensors={**TENSORS, "z": Tensor("z", (5,), UNITS)}), "second makes"),
    ],
)
def test_a_fault_is_seen(spoil: Callable[[Graph], Graph], fault: str) -> None:
    assert faults(GRAPH) == []
    assert any(found.startswith(fault) for found in faults(spoil(GRAPH)))
