"""A graph as memory sees it."""

import numpy as np
import pytest

from costmodel.errors import PlanError
from costmodel.graph.graph import Graph
from costmodel.graph.operators import Add, Clamp, Operator, Requantize, Reshape
from costmodel.graph.requantization import Rescale
from costmodel.graph.tensor import Quantization, Tensor
from costmodel.memory import plan_memory, problem_of
from costmodel.memory.plan import KernelContract, Step

RESCALE = Rescale(np.array([1 << 30], np.int32), 0)


def graph(operators: tuple[Operator, ...], shapes: dict[str, tuple[int, ...]], outputs: tuple[str, ...]) -> Graph:
    tensors = {name: Tensor(name, shape, Quantization(1.0, 0)) for name, shape in shapes.items()}
    return Graph("test", "0" * 64, tensors, operators, ("x",), outputs)


def requantize(name: str, source: str, target: str) -> Requantize:
    return Requantize(name=name, inputs=(source,), output=target, rescale=RESCALE, clamp=Clamp())


VIEWED = graph(
    (
        Reshape(name="flat", inputs=("x",), output="v"),
        Reshape(name="again", inputs=("v",), output="w"),
        requantize("quant", "w", "q"),
        Add(name="twice", inputs=("q", "q"), output="y", multipliers=(1, 1), shift=1, clamp=Clamp()),
        Reshape(name="out", inputs=("y",), output="z"),
    ),
    {"x": (1, 3, 3, 1), "v": (1, 9), "w": (9,), "q": (9,), "y": (9,), "z": (3, 3)},
    ("z", "v"),
)
CONTRACTS = {"quant": KernelContract(scratch_bytes=5), "twice": KernelContract()}


def test_views_share_a_buffer_and_sizes_are_aligned() -> None:
    problem = problem_of(VIEWED, CONTRACTS)
    assert problem.sizes_bytes == {"x": 12, "q": 12, "y": 12}
    assert problem.buffer_of == {"x": "x", "v": "x", "w": "x", "q": "q", "y": "y", "z": "y"}
    assert problem.steps == (Step("quant", ("x",), ("q",), 8), Step("twice", ("q",), ("y",), 0))
    assert (problem.inputs, problem.outputs) == (("x",), ("y", "x"))


def test_every_tensor_gets_the_offset_of_its_buffer() -> None:
    plan = plan_memory(problem_of(VIEWED, CONTRACTS))
    assert plan.offset_of_tensor.keys() == VIEWED.tensors.keys()
    assert plan.offset_of_tensor["w"] == plan.offset_of_tensor["x"] != plan.offset_of_tensor["z"]
    assert plan.arena_bytes == 36
    assert all(offset % 4 == 0 for offset in plan.offsets.values())


def test_a_kernel_must_declare_its_contract() -> None:
    with pytest.raises(PlanError, match="twice: has no memory contract"):
        problem_of(VIEWED, {"quant": KernelContract()})
