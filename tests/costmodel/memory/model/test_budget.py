"""Budgets of time and memory."""

from itertools import count

from sparse_mcu.costmodel.memory.model.budget import Budget, Meter


def test_time_is_over_when_the_clock_says_so_and_stays_over() -> None:
    ticks = iter([0.0, 1.9, 2.0, 1.0])
    meter = Meter(Budget(seconds=2.0), lambda: next(ticks))
    assert not meter.is_over()
    assert meter.is_over()
    assert meter.is_over()


def test_inner_loops_look_at_the_clock_now_and_then() -> None:
    ticks = count()
    meter = Meter(Budget(seconds=10), lambda: next(ticks))
    asked = next(at for at in count(1) if meter.is_spent())
    assert asked == 9 * 64 + 1
    assert next(ticks) == 11


def test_without_a_limit_of_time_nothing_is_spent() -> None:
    assert not Budget().start().is_over()


def test_memory_is_counted_in_states() -> None:
    assert Budget(memory_bytes=10_000).start().states(300) == 33
