"""The order's peak is the smallest there is."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import permutations
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Part, Step
from sparse_mcu.costmodel.memory.order.dag import floor_of
from sparse_mcu.costmodel.memory.order.schedule import best_order
from sparse_mcu.costmodel.memory.problem.problem import check_problem

NODES = 100_000
NINE = sorted(
    ["hmcos_Cifar_AmoebaNet_6_36", "hmcos_Cifar_Darts_6_36", "hmcos_Cifar_NasNet_6_32"]
    + [f"randwire_n{nodes}_s{seed}" for nodes in (16, 32) for seed in range(3)]
)


def least_span(output: int, dying: list[tuple[int, int]]) -> int:
    """Bytes of an output and of inputs (distance, size) that it may overlap: the best way to stack the inputs."""
    spans = [output + sum(size for _, size in dying)]
    for stack in permutations(dying):
        top = 0
        for distance, size in stack:
            top = max(top, min(distance, output)) + size
        spans.append(max(output, top))
    return min(spans)


class Definition:
    """What a problem's orders cost, by the definition; sets of executed steps are sets of their positions."""

    def __init__(self, problem: MemoryProblem) -> None:
        self.problem = problem
        self.kept = {*problem.homes(problem.outputs)}

    def live_after(self, done: frozenset[int]) -> set[str]:
        """Buffers written to, and used later or kept."""
        begun = {*self.problem.homes(self.problem.inputs)}
        if not done:
            return begun
        begun |= {name for at in done for name in self.problem.homes(self.problem.steps[at].outputs)}
        return begun & (self.used_later(done) | self.kept)

    def used_later(self, done: frozenset[int]) -> set[str]:
        """Buffers that the other steps read or write."""
        left = [step for at, step in enumerate(self.problem.steps) if at not in done]
        return {name for step in left for name in self.problem.homes((*step.inputs, *step.outputs))}

    def need(self, done: frozenset[int], at: int) -> int:
        """Bytes while the step runs."""
        step, sizes, before = self.problem.steps[at], self.problem.sizes_bytes, self.live_after(done)
        writes = {*self.problem.homes(step.outputs)}
        total = sum(sizes[name] for name in before | writes) + step.scratch_bytes
        survivors = self.used_later(done | {at}) | self.kept
        pairs = [(gap, sizes[name]) for name, gap in step.safe_distance_bytes.items() if name not in survivors]
        if not pairs or writes & before:
            return total
        (output,) = writes
        return total - sizes[output] - sum(size for _, size in pairs) + least_span(sizes[output], pairs)

    def peak(self, order: Sequence[Step]) -> int:
        """The most bytes during any step."""
        at = {step.name: index for index, step in enumerate(self.problem.steps)}
        positions = [at[step.name] for step in order]
        return max(self.need(frozenset(positions[:i]), now) for i, now in enumerate(positions))

    def smallest_peak(self) -> int:
        """The minimum over all orders, by exhaustion over sets of executed steps."""
        steps = self.problem.steps

        @cache
        def cost(done: frozenset[int]) -> int:
            written = {*self.problem.inputs, *(name for at in done for name in steps[at].outputs)}
            ready = [at for at, step in enumerate(steps) if at not in done and written.issuperset(step.inputs)]
            return min((max(self.need(done, at), cost(done | {at})) for at in ready), default=0)

        return cost(frozenset())


def peak_of(problem: MemoryProblem, order: Sequence[Step]) -> int:
    return Definition(problem).peak(order)


def smallest_peak(problem: MemoryProblem) -> int:
    return Definition(problem).smallest_peak()


def named(data: Path, name: str) -> tuple[MemoryProblem, int]:
    record = json.loads((data / "schedules" / f"{name}.json").read_text())
    steps = tuple(Step(str(i), tuple(op["ins"]), tuple(op["outs"])) for i, op in enumerate(record["ops"]))
    problem = MemoryProblem(record["sizes"], steps, tuple(record["inputs"]), tuple(record["outputs"]))
    return problem, record["optimal_peak"]


@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_equals_brute_force(data: st.DataObject, problems: st.SearchStrategy[MemoryProblem]) -> None:
    problem = data.draw(problems)
    order = best_order(problem, node_budget=NODES)
    assert sorted(step.name for step in order.steps) == sorted(step.name for step in problem.steps)
    assert order.peak_bytes == peak_of(problem, order.steps) == smallest_peak(problem) == order.lower_bound_bytes


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_equals_brute_force_with_overlap_and_parts(
    data: st.DataObject, overlapping_problems: st.SearchStrategy[MemoryProblem]
) -> None:
    problem = data.draw(overlapping_problems)
    order = best_order(problem, node_budget=NODES)
    assert order.peak_bytes == peak_of(problem, order.steps) == smallest_peak(problem) == order.lower_bound_bytes


@given(data=st.data(), budget=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_a_spent_budget_ends_the_proof_not_the_answer(
    data: st.DataObject, problems: st.SearchStrategy[MemoryProblem], budget: int
) -> None:
    problem = data.draw(problems)
    order = best_order(problem, node_budget=budget)
    assert order.lower_bound_bytes <= smallest_peak(problem) <= order.peak_bytes == peak_of(problem, order.steps)
    assert order.nodes <= budget


def branching(random: Random) -> MemoryProblem:
    """Four to seven steps that hang together loosely, inputs that nobody reads, distances, and parts of one buffer."""
    inputs = [f"in{index}" for index in range(random.randint(1, 3))]
    unread = {*inputs[1 : random.randint(1, 3)]}
    sizes, steps = {name: 4 * random.randint(0, 9) for name in inputs}, list[Step]()
    for index in range(random.randint(4, 7)):
        known = [name for name in sizes if name not in unread]
        reads = tuple(random.sample(known, min(len(known), random.choice([1, 1, 1, 2, 2, 3]))))
        writes = tuple(f"t{index}.{part}" for part in range(random.choice([1, 1, 1, 2])))
        sizes |= {name: 4 * random.randint(0, 9) for name in writes}
        gaps = {name: 4 * random.randint(-3, 3) for name in reads if len(writes) == 1 and random.random() < 0.4}
        steps.append(Step(f"s{index}", reads, writes, random.choice([0, 0, 0, 12, 24]), gaps))
    parts, top = dict[str, Part](), 0
    first, count = random.randrange(len(sizes)), random.choice([0, 0, 2, 3, 4])
    for name in [*sizes][first : first + count]:
        parts[name] = Part("joint", top, sizes.pop(name))
        top += parts[name].size_bytes
    sizes |= {"joint": top} if parts else {}
    steps = [
        replace(each, safe_distance_bytes={n: gap for n, gap in each.safe_distance_bytes.items() if n not in parts})
        for each in steps
    ]
    outputs = random.sample([*(name for name in sizes if name != "joint"), *parts], 1)
    return MemoryProblem(sizes, tuple(steps), tuple(inputs), tuple(outputs), parts=parts)


def test_every_claim_about_loosely_connected_steps_is_true() -> None:
    """With the budget for a proof the peak is the smallest, with less it is not, and no bound is above it."""
    for seed in range(250):
        random = Random(seed)  # noqa: S311 - no secret
        problem = branching(random)
        check_problem(problem)
        least = smallest_peak(problem)
        order = best_order(problem, node_budget=NODES)
        assert order.peak_bytes == order.lower_bound_bytes == least == peak_of(problem, order.steps)
        assert floor_of(problem) <= least
        hasty = best_order(problem, node_budget=random.randrange(4))
        assert hasty.lower_bound_bytes <= least <= hasty.peak_bytes == peak_of(problem, hasty.steps)


def test_smallest_peak_is_the_minimum_over_permutations() -> None:
    steps = (
        Step("a", ("x",), ("p",)),
        Step("b", ("x",), ("q",)),
        Step("c", ("p",), ("r",)),
        Step("d", ("q", "r"), ("y",)),
    )
    problem = MemoryProblem({"x": 4, "p": 40, "q": 8, "r": 4, "y": 4}, steps, ("x",), ("y",))
    written = [
        {"x"} | {name for before in order[:i] for name in before.outputs} >= set(order[i].inputs)
        for order in permutations(steps)
        for i in range(4)
    ]
    legal = [order for at, order in enumerate(permutations(steps)) if all(written[4 * at : 4 * at + 4])]
    assert len(legal) == 3
    assert smallest_peak(problem) == min(peak_of(problem, order) for order in legal) == 48


@pytest.mark.parametrize("name", NINE)
def test_the_nine_published_graphs(shared_data: Path, name: str) -> None:
    problem, optimum = named(shared_data, name)
    order = best_order(problem, node_budget=NODES)
    assert order.peak_bytes == order.lower_bound_bytes == optimum == peak_of(problem, order.steps)


def test_a_small_budget_on_a_large_graph_states_the_gap(shared_data: Path) -> None:
    problem, optimum = named(shared_data, "randwire_n32_s1")
    order = best_order(problem, node_budget=100)
    assert order.lower_bound_bytes < optimum <= order.peak_bytes


def test_a_very_long_chain_needs_no_search() -> None:
    count = 100_000
    steps = tuple(Step(f"s{i}", (f"t{i}",), (f"t{i + 1}",)) for i in range(count))
    problem = MemoryProblem({f"t{i}": 4 + i % 3 for i in range(count + 1)}, steps, ("t0",), (f"t{count}",))
    order = best_order(problem, node_budget=0)
    assert order.steps == steps
    assert order.peak_bytes == order.lower_bound_bytes == 11


def residual_blocks(count: int) -> MemoryProblem:
    """Each is better computed right to left."""
    sizes, steps = {"t0": 4}, list[Step]()
    for i in range(count):
        sizes |= {f"a{i}": 16, f"b{i}": 64, f"c{i}": 4, f"t{i + 1}": 4}
        steps += [Step(f"a{i}", (f"t{i}",), (f"a{i}",)), Step(f"b{i}", (f"t{i}",), (f"b{i}",))]
        steps += [Step(f"c{i}", (f"b{i}",), (f"c{i}",)), Step(f"d{i}", (f"a{i}", f"c{i}"), (f"t{i + 1}",))]
    return MemoryProblem(sizes, tuple(steps), ("t0",), (f"t{count}",))


def test_segments_share_one_budget() -> None:
    one, three = (best_order(residual_blocks(count), node_budget=1000) for count in (1, 3))
    assert three.peak_bytes == three.lower_bound_bytes == one.peak_bytes == 72
    assert three.nodes > one.nodes > 0
    for budget in range(three.nodes):
        assert best_order(residual_blocks(3), node_budget=budget).nodes <= budget


def test_long_residual_chains_fall_into_short_segments() -> None:
    """No search spans two blocks."""
    order = best_order(residual_blocks(3000), node_budget=100_000)
    assert order.peak_bytes == order.lower_bound_bytes == 72


def example(*more: Step) -> MemoryProblem:
    """The example of the module, in an order that needs 90 bytes, and then more steps that write 1 byte each."""
    sizes = {"x": 10, "a": 60, "b": 20, "c": 5, "y": 1} | {name: 1 for step in more for name in step.outputs}
    steps = (
        Step("B", ("x",), ("b",)),
        Step("A", ("x",), ("a",)),
        Step("C", ("a",), ("c",)),
        Step("D", ("b", "c"), ("y",)),
        *more,
    )
    return MemoryProblem(sizes, steps, ("x",), steps[-1].outputs)


def test_the_example_of_the_module() -> None:
    problem = example()
    order = best_order(problem, node_budget=100)
    assert [step.name for step in order.steps] == ["A", "C", "B", "D"]
    assert order.peak_bytes == order.lower_bound_bytes == 75
    assert peak_of(problem, problem.steps) == 90


def test_steps_that_have_only_one_place_are_not_searched() -> None:
    longer = best_order(example(Step("E", ("y",), ("z",))), node_budget=100)
    assert longer.nodes == best_order(example(), node_budget=100).nodes > 0


def test_the_search_does_not_begin_if_a_greedy_order_is_proven() -> None:
    """B runs first, so that b, which nobody reads, does not lie beside a."""
    steps = (Step("A", ("x",), ("a",)), Step("B", ("x",), ("b",)), Step("C", ("a",), ("y",)))
    problem = MemoryProblem({"x": 12, "a": 8, "b": 8, "y": 8}, steps, ("x",), ("y",))
    assert peak_of(problem, steps) == 28
    order = best_order(problem, node_budget=100)
    assert (order.peak_bytes, order.lower_bound_bytes, order.nodes) == (20, 20, 0)
