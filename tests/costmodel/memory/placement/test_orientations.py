"""Ranges of offsets decide which buffer of a pair is the lower one."""

import pytest

from sparse_mcu.costmodel.memory.model.plan import Buffer, Overlap
from sparse_mcu.costmodel.memory.placement.instance import Instance, instances_of
from sparse_mcu.costmodel.memory.placement.orientations import Orienter
from sparse_mcu.costmodel.memory.placement.search_core import EXHAUSTED, FOUND, INFEASIBLE


def chain() -> Instance:
    """Four buffers, each of which must start a byte above the next one."""
    buffers = [Buffer(f"b{i}", 10, max(i - 1, 0), i + 1) for i in range(4)]
    (found,) = instances_of(buffers, [Overlap(f"b{i}", f"b{i + 1}", 1) for i in range(3)])
    return found


def test_the_example_of_the_module() -> None:
    instance = chain()
    assert Orienter(instance).run(12, 1000) == (INFEASIBLE, [])
    verdict, offsets = Orienter(instance).run(13, 1000)
    assert verdict == FOUND
    assert dict(zip(instance.names, offsets, strict=True)) == {"b0": 3, "b1": 2, "b2": 1, "b3": 0}


def test_ranges_alone_prove_that_a_chain_does_not_fit() -> None:
    orienter = Orienter(chain())
    orienter.run(12, 1000)
    assert orienter.nodes == len(orienter.pairs)  # one state


@pytest.mark.parametrize("height", [7, 8])
def test_a_pair_of_which_neither_can_be_lower_does_not_fit(height: int) -> None:
    (instance,) = instances_of([Buffer("a", 5, 0, 2), Buffer("b", 3, 1, 3)])
    assert Orienter(instance).run(height, 1000)[0] == (FOUND if height == 8 else INFEASIBLE)


def test_a_buffer_above_the_height_and_a_spent_budget() -> None:
    assert Orienter(chain()).run(9, 1000)[0] == INFEASIBLE
    assert Orienter(chain()).run(13, 0) == (EXHAUSTED, [])
