"""A graph as memory sees it."""

from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest

from sparse_mcu.costmodel.errors import PlanError
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Add, Clamp, Concat, Operator, Requantize, Reshape, Softmax
from sparse_mcu.costmodel.graph.requantization import Rescale
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor
from sparse_mcu.costmodel.memory import ALL, Levers, plan_graph, plan_memory, problem_of
from sparse_mcu.costmodel.memory.model.levers import NONE
from sparse_mcu.costmodel.memory.model.plan import KernelContract, Part, Step
from sparse_mcu.costmodel.memory.planning.explain import savings_of
from sparse_mcu.costmodel.memory.problem.problem import viewable

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


def softmax(name: str, source: str, target: str) -> Softmax:
    table = np.ones(1, np.uint32)
    return Softmax(name=name, inputs=(source,), output=target, exp_table=table, numerator=1, denominator=1)


def concat(name: str, sources: tuple[str, ...], target: str, axis: int = 1) -> Concat:
    return Concat(name=name, inputs=sources, output=target, axis=axis)


def distances(name: str, levers: Levers, problem: Graph, contracts: dict[str, KernelContract]) -> dict[str, int]:
    (step,) = (step for step in problem_of(problem, contracts, levers).steps if step.name == name)
    return dict(step.safe_distance_bytes)


@pytest.mark.parametrize(
    ("name", "levers", "expected"),
    [
        ("quant", Levers(), {"x": 0}),
        ("quant", Levers(overlap=False), {"x": 0}),
        ("quant", Levers(in_place=False), {}),
        ("soft", Levers(), {"q": 8}),
        ("soft", Levers(in_place=False), {"q": 8}),
        ("soft", Levers(overlap=False), {}),
        ("twice", Levers(), {}),
    ],
)
def test_each_lever_permits_its_own_distances(name: str, levers: Levers, expected: dict[str, int]) -> None:
    """Rounded up to the alignment; none where a buffer is read twice."""
    net = graph(
        (
            requantize("quant", "x", "q"),
            softmax("soft", "q", "s"),
            Reshape(name="flat", inputs=("s",), output="v"),
            Add(name="twice", inputs=("s", "v"), output="y", multipliers=(1, 1), shift=1, clamp=Clamp()),
        ),
        dict.fromkeys(("x", "q", "s", "v", "y"), (1, 9)),
        ("y",),
    )
    contracts = {
        "quant": KernelContract(safe_distance_bytes={"x": 0}),
        "soft": KernelContract(safe_distance_bytes={"q": 5}),
        "twice": KernelContract(safe_distance_bytes={"s": 0, "v": 0}),
    }
    assert distances(name, levers, net, contracts) == expected


@pytest.mark.parametrize(
    ("operator", "contract", "is_in_place"),
    [
        (requantize("to q", "x", "q"), KernelContract(safe_distance_bytes={"x": 0}), True),
        (requantize("to q", "x", "q"), KernelContract(safe_distance_bytes={"x": 4}), False),
        (softmax("to q", "x", "q"), KernelContract(safe_distance_bytes={"x": 0}), False),
        (softmax("to q", "x", "q"), KernelContract(safe_distance_bytes={"x": 0}, in_place=True), True),
        (softmax("to q", "x", "q"), KernelContract(safe_distance_bytes={"x": 4}, in_place=True), False),
    ],
)
def test_one_lever_permits_what_lies_in_place_and_the_other_what_does_not(
    operator: Operator, contract: KernelContract, *, is_in_place: bool
) -> None:
    net = graph((operator,), {"x": (1, 8), "q": (1, 8)}, ("q",))
    contracts = {"to q": contract}
    assert bool(distances("to q", Levers(overlap=False), net, contracts)) == is_in_place
    assert bool(distances("to q", Levers(in_place=False), net, contracts)) != is_in_place


JOINED = graph(
    (
        requantize("a", "x", "p"),
        requantize("b", "x", "q"),
        concat("inner", ("p", "q"), "pq"),
        requantize("c", "x", "r"),
        concat("outer", ("pq", "r"), "pqr"),
        Reshape(name="flat", inputs=("pqr",), output="v"),
        requantize("d", "v", "y"),
        requantize("e", "q", "z"),
    ),
    {"x": (1, 8), "p": (1, 8), "q": (1, 8), "pq": (1, 16), "r": (1, 8), "pqr": (1, 24), "v": (24,), "y": (24,)}
    | {"z": (1, 8)},
    ("y", "z"),
)
IN_PLACE = {
    operator.name: KernelContract(safe_distance_bytes={} if isinstance(operator, Concat) else {operator.inputs[0]: 0})
    for operator in JOINED.operators
    if not isinstance(operator, Reshape)
}


def test_viewed_concats_are_parts_of_one_buffer() -> None:
    problem = problem_of(JOINED, IN_PLACE)
    assert problem.sizes_bytes == {"x": 8, "pqr": 24, "y": 24, "z": 8}
    assert problem.parts == {"p": Part("pqr", 0, 8), "q": Part("pqr", 8, 8), "r": Part("pqr", 16, 8)}
    assert [step.name for step in problem.steps] == ["a", "b", "c", "d", "e"]
    assert problem.steps[3].inputs == ("p", "q", "r")
    assert problem.steps[1].safe_distance_bytes == {"x": 8}
    assert problem.steps[4].safe_distance_bytes == {"pqr": -8}
    plan = plan_memory(problem)
    base = plan.offset_of_tensor["pqr"]
    assert [plan.offset_of_tensor[name] - base for name in ("p", "q", "pq", "r", "v")] == [0, 8, 0, 16, 0]


def test_an_executed_concat_is_a_step() -> None:
    problem = problem_of(JOINED, IN_PLACE, executed=("outer",))
    assert problem.parts == {"p": Part("pq", 0, 8), "q": Part("pq", 8, 8)}
    assert [step.inputs for step in problem.steps if step.name == "outer"] == [("p", "q", "r")]


@pytest.mark.parametrize(
    ("axis", "shape", "sources"),
    [
        (3, (1, 2, 2, 4), ("x", "p")),  # strided
        (1, (1, 1, 2, 3), ("x", "p")),  # the second would start at an odd address
        (1, (1, 2, 2, 4), ("p", "p")),  # nothing lies in two places
    ],
)
def test_other_concats_stay(axis: int, shape: tuple[int, ...], sources: tuple[str, ...]) -> None:
    joined = tuple(2 * size if at == axis else size for at, size in enumerate(shape))
    operators = (requantize("a", "x", "p"), concat("join", sources, "y", axis))
    problem = problem_of(
        graph(operators, {"x": shape, "p": shape, "y": joined}, ("y",)), dict.fromkeys(("a", "join"), KernelContract())
    )
    assert not problem.parts
    assert [step.name for step in problem.steps] == ["a", "join"]


def test_a_concat_is_a_view_only_where_that_helps() -> None:
    """The first piece exists early and lives through a large step: its own buffer is smaller than the whole."""
    net = graph(
        (
            requantize("a", "x", "p"),
            softmax("b", "x", "large"),
            softmax("c", "large", "q"),
            concat("join", ("p", "q"), "y"),
        ),
        {"x": (1, 4), "p": (1, 4), "large": (1, 400), "q": (1, 100), "y": (1, 104)},
        ("y",),
    )
    contracts = dict.fromkeys("abc", KernelContract()) | {"join": KernelContract()}
    viewed, executed = (plan_memory(problem_of(net, contracts, ALL, executed=c)) for c in ((), ("join",)))
    assert (viewed.arena_bytes, executed.arena_bytes) == (508, 504)
    assert plan_graph(net, contracts).arena_bytes == 504
    assert plan_graph(JOINED, IN_PLACE).arena_bytes < plan_graph(JOINED, IN_PLACE, NONE).arena_bytes


def test_the_product_of_the_switches_is_monotone() -> None:
    names = [each.name for each in fields(Levers) if isinstance(each.default, bool)][:3]
    arenas = {}
    for choice in product((False, True), repeat=len(names)):
        plan = plan_graph(JOINED, IN_PLACE, Levers(**dict(zip(names, choice, strict=True))))
        assert plan.proven
        arenas[choice] = plan.arena_bytes
    for fewer, more in product(arenas, arenas):
        if all(one <= other for one, other in zip(fewer, more, strict=True)):
            assert arenas[more] <= arenas[fewer]
    savings = {each.lever: each for each in savings_of(lambda levers: plan_graph(JOINED, IN_PLACE, levers).arena_bytes)}
    for index, name in enumerate(names):
        without = tuple(at != index for at in range(len(names)))
        assert (savings[name].off_bytes, savings[name].on_bytes) == (arenas[without], arenas[True, True, True])


def test_many_concats_are_chosen_one_by_one_with_an_honest_bound() -> None:
    operators: list[Operator] = []
    shapes: dict[str, tuple[int, ...]] = {"x": (1, 8)}
    for i in range(5):
        operators += [requantize(f"a{i}", "x", f"p{i}"), requantize(f"b{i}", "x", f"q{i}")]
        operators.append(concat(f"join{i}", (f"p{i}", f"q{i}"), f"y{i}"))
        shapes |= {f"p{i}": (1, 8), f"q{i}": (1, 8), f"y{i}": (1, 16)}
    net = graph(tuple(operators), shapes, tuple(f"y{i}" for i in range(5)))
    contracts = {operator.name: KernelContract() for operator in operators}
    assert len(viewable(net, contracts)) == 5
    plan = plan_graph(net, contracts)
    assert plan.arena_bytes <= plan_graph(net, contracts, replace(ALL, concat_views=False)).arena_bytes
    assert 80 <= plan.lower_bound_bytes <= plan.arena_bytes == 88
