"""How far an output may reach into an input, against bytes that are overwritten one by one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.memory.model.access import NOTHING, AccessPattern, safe_distance_bytes

BYTES = 6
Moment = tuple[int | None, int]
MOMENTS = st.lists(st.tuples(st.none() | st.integers(0, BYTES - 1), st.integers(0, BYTES)), min_size=1, max_size=6)
"""The lowest byte that is read, if any, and one past the highest that is written."""


def is_safe(moments: list[Moment], distance: int) -> bool:
    """Whether no moment reads a byte that an earlier one wrote, if the input starts `distance` above the output.

    A moment may read all from its lowest byte on, and write all below its end.
    """
    written = set[int]()
    for lowest, end in moments:
        if lowest is not None and not written.isdisjoint(range(distance + lowest, distance + BYTES)):
            return False
        written.update(range(end))
    return True


def distance_of(moments: list[Moment]) -> int:
    reads = [NOTHING if lowest is None else lowest for lowest, _ in moments]
    pattern = AccessPattern(np.array(reads, np.int64), np.array([end for _, end in moments], np.int64))
    return safe_distance_bytes(pattern, BYTES)


@given(moments=MOMENTS)
@settings(max_examples=300, deadline=None)
def test_it_is_the_least_distance_from_which_on_nothing_is_lost(moments: list[Moment]) -> None:
    """Where the input lies wholly below there is nothing to share; until something is written, 0 bytes of it count."""
    distance = distance_of(moments)
    assert -BYTES <= distance <= BYTES
    assert all(is_safe(moments, further) for further in range(distance, 2 * BYTES))
    if distance > -BYTES and moments[0][1]:
        assert not is_safe(moments, distance - 1)


def test_what_is_read_at_once_may_be_overwritten_anywhere() -> None:
    assert distance_of([(0, BYTES)]) == -BYTES
    assert distance_of([(0, 0), (None, BYTES)]) == -BYTES
    assert distance_of([(0, 1), (1, 2), (2, 3)]) == 0
    assert distance_of([(0, 4), (1, 6)]) == 3
    assert distance_of([(4, 1), (5, 2)]) == -4
    assert distance_of([(0, 5), (0, 6)]) == 5
