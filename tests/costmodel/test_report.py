"""Fidelities: their order, what is composed, and what a board's figure is."""

from itertools import product
from typing import get_args

import pytest

from sparse_mcu.costmodel.devices import all_boards
from sparse_mcu.costmodel.report import Fidelity, fidelity_of_figure, weakest

ORDER: tuple[Fidelity, ...] = ("predicted", "estimated", "analysed", "emulated", "measured")


def test_what_is_composed_is_as_weak_as_its_weakest_part() -> None:
    assert get_args(Fidelity) == ORDER
    for parts in product(ORDER, repeat=3):
        assert weakest(*parts) == ORDER[min(map(ORDER.index, parts))]
    assert [weakest(each) for each in ORDER] == list(ORDER)


@pytest.mark.parametrize(
    ("citation", "fidelity"),
    [
        ("measured: on our bench, 3.3 V", "measured"),
        ("documented: DS13560, measured at 25 C", "estimated"),
        ("derived: 2 mA x 3 V", "estimated"),
        ("recalled: a data sheet", "estimated"),
    ],
)
def test_only_what_was_measured_is_measured(citation: str, fidelity: str) -> None:
    assert fidelity_of_figure(citation) == fidelity


def test_every_board_says_how_its_power_is_known() -> None:
    for board in all_boards():
        status = board.sources["active_power_mw"].partition(":")[0]
        assert status in {"documented", "measured", "derived", "recalled"}
