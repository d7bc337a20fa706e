"""Which buffers may share bytes, and how many."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Overlap, Step
from sparse_mcu.costmodel.memory.problem.lifetimes import lifetimes, overlaps_of, shared_bytes

INPUTS = st.lists(st.tuples(st.integers(-3, 5), st.integers(0, 3)), max_size=3)


def most_shared(output: int, dying: list[tuple[int, int]]) -> int:
    """By exhaustion: each input starts anywhere from its distance on, also below the output, and none meet."""
    most = 0
    end = output + sum(size for _, size in dying)
    choices = [range(min(distance, output), end + 1) for distance, _ in dying]
    for starts in product(*choices):
        taken = [{*range(start, start + size)} for start, (_, size) in zip(starts, dying, strict=True)]
        if sum(map(len, taken)) == len(set[int]().union(*taken)):
            most = max(most, sum(len(each.intersection(range(output))) for each in taken))
    return most


@given(output=st.integers(0, 4), dying=INPUTS)
@settings(max_examples=100, deadline=None)
def test_no_way_to_lay_them_shares_more(output: int, dying: list[tuple[int, int]]) -> None:
    assert shared_bytes(output, dying) == most_shared(output, dying)


def test_only_what_dies_in_the_step_that_writes_may_be_overlapped() -> None:
    """All steps could work in place; x is read again, and the output lives on."""
    chain = [("x", "a"), ("a", "b"), ("b", "y")]
    steps = tuple(Step(f"to {to}", (of,), (to,), 0, {of: 0}) for of, to in chain)
    steps = (*steps, Step("aside", ("x", "y"), ("z",), 0, {"x": 0, "y": 0}))
    problem = MemoryProblem(dict.fromkeys("xabyz", 8), steps, ("x",), ("y", "z"))
    found = overlaps_of(problem, steps, lifetimes(problem, steps))
    assert found == (Overlap("a", "b", 0), Overlap("b", "y", 0), Overlap("x", "z", 0))
