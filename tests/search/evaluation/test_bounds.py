"""Limits: by name, those of older records, and the board's."""

import pytest
from pydantic import ValidationError

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import Objective, Objectives

OBJECTIVES = Objectives(
    {
        name: Objective(value=value, fidelity="analysed")
        for name, value in {"error": 0.1, "ram_bytes": 500, "model_size": 900}.items()
    }
)


def test_limits_are_the_largest_values_allowed() -> None:
    assert Bounds().allow(OBJECTIVES)
    assert Bounds({"error": 0.1, "ram_bytes": 500}).allow(OBJECTIVES)
    assert not Bounds({"error": 0.09}).allow(OBJECTIVES)
    assert not Bounds({"error": 0.1, "model_size": 899}).allow(OBJECTIVES)


def test_values_follow_the_names_that_are_asked_for() -> None:
    bounds = Bounds({"ram_bytes": 500, "error": 0.1})
    assert bounds.names == ("error", "ram_bytes")
    assert bounds.values(("flash_bytes", "ram_bytes")) == (float("inf"), 500)


def test_the_boards_memories_are_limits_unless_the_users_are_tighter(microbit: Board) -> None:
    ram, flash = microbit.ram.size_bytes, microbit.flash.size_bytes
    assert Bounds().within(microbit) == Bounds({"ram_bytes": ram, "flash_bytes": flash})
    user = Bounds({"ram_bytes": 2048, "flash_bytes": flash + 1, "error": 0.5})
    assert user.within(microbit) == Bounds({"ram_bytes": 2048, "flash_bytes": flash, "error": 0.5})


def test_null_stands_for_no_limit_in_older_records() -> None:
    record = '{"ram_bytes": null, "flash_bytes": 2048, "latency_ms": null}'
    assert Bounds.model_validate_json(record) == Bounds({"flash_bytes": 2048})


@pytest.mark.parametrize("limits", [{"ram": 3.0}, {"ram_bytes": 0.0}, {"error": float("nan")}])
def test_what_is_no_limit_is_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Bounds(limits)
