"""Windows of a stream."""

import pytest

from sparse_mcu.costmodel.memory.model.stream import RowWindow


@pytest.mark.parametrize(
    ("first", "step", "width", "is_outside"),
    [(0, 4, 8, False), (0, 4, 7, True), (-1, 4, 8, True), (0, 5, 8, True), (1, 3, 8, False)],
)
def test_a_window_of_two_strips_holds_columns_outside(first: int, step: int, width: int, *, is_outside: bool) -> None:
    """Each strip holds four columns; the second one begins `step` columns behind the first."""
    window = RowWindow("x", 0, 3, 1, 0, 4, first, step, 2)
    assert window.holds_outside(width, strips=2) is is_outside
