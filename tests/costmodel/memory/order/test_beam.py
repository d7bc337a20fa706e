"""Beams find valid orders, better ones the wider they are, and ends when told."""

from itertools import pairwise

import pytest

from sparse_mcu.benchmarks.random_graphs import FAMILIES, random_graph
from sparse_mcu.costmodel.memory.model.budget import Budget, Meter
from sparse_mcu.costmodel.memory.model.plan import MemoryProblem
from sparse_mcu.costmodel.memory.order.beam import beam
from sparse_mcu.costmodel.memory.order.dag import floor_of, whole
from sparse_mcu.costmodel.memory.order.schedule import FIRST_NODES, best_order, peak_of
from sparse_mcu.costmodel.memory.order.states import Moves, State


def moves_of(problem: MemoryProblem) -> tuple[Moves, State]:
    """The moves of a problem, and its steps in their own order."""
    moves = Moves(whole(problem), floor_of(problem))
    return moves, moves.in_sequence(range(len(problem.steps)))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(3))
def test_an_order_is_complete_and_has_the_peak_that_it_claims(family: str, seed: int) -> None:
    problem = random_graph(family, 24, seed)
    moves, incumbent = moves_of(problem)
    found, _ = beam(moves, incumbent, 4, Meter())
    steps = moves.steps_of(found)
    assert sorted(step.name for step in steps) == sorted(step.name for step in problem.steps)
    written = {*problem.inputs}
    for step in steps:
        assert {*step.inputs} <= written
        written |= {*step.outputs}
    assert max(peak_of(problem, steps), moves.bound) == found.peak <= incumbent.peak


@pytest.mark.parametrize("family", FAMILIES)
def test_a_beam_that_leaves_nothing_out_finds_the_best_order(family: str) -> None:
    for seed in range(4):
        problem = random_graph(family, 14, seed)
        best = best_order(problem, node_budget=10**6)
        assert best.peak_bytes == best.lower_bound_bytes
        moves, incumbent = moves_of(problem)
        assert beam(moves, incumbent, 10**6, Meter())[0].peak == max(best.peak_bytes, moves.bound)


def test_a_wider_beam_finds_better_orders_of_large_graphs() -> None:
    moves, incumbent = moves_of(random_graph("series-parallel", 60, 0))
    peaks = [incumbent.peak, *(beam(moves, incumbent, width, Meter())[0].peak for width in (1, 30))]
    assert all(one > other for one, other in pairwise(peaks))


def test_a_spent_budget_ends_a_beam_with_what_it_was_given() -> None:
    moves, incumbent = moves_of(random_graph("layered", 40, 0))
    assert beam(moves, incumbent, 8, Budget(seconds=0).start()) == (incumbent, 0)


def test_beams_follow_where_the_proof_takes_long() -> None:
    """The graph is not proven after the first nodes, and the beams find what best-first search does not."""
    problem = random_graph("series-parallel", 100, 0)
    short, long = (best_order(problem, node_budget=nodes) for nodes in (FIRST_NODES, 16 * FIRST_NODES))
    assert short.nodes == FIRST_NODES
    assert long.peak_bytes < 0.95 * short.peak_bytes
    assert long.lower_bound_bytes >= short.lower_bound_bytes
