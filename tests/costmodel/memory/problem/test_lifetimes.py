"""Bytes that an output can share with inputs that die."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.memory.problem.lifetimes import shared_bytes

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
