"""The levers, and which of them are switches."""

from dataclasses import fields

from sparse_mcu.costmodel.memory.model.levers import ALL, NONE, Levers, switches


def test_switches_are_the_levers_that_are_on_or_off() -> None:
    assert {each.name for each in fields(Levers)} - {*switches()} == {"max_recompute"}


def test_what_costs_cycles_is_off_by_default() -> None:
    assert [name for name in switches() if not getattr(ALL, name)] == ["fused_pools", "streaming"]
    assert ALL.max_recompute == 1


def test_none_has_no_switch_on() -> None:
    assert not any(getattr(NONE, name) for name in switches())
