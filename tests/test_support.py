"""What the tests share does what it says."""

from itertools import combinations, product

import needed
import pytest
from crossed import covering, crossed

AXES = (["a", "b", "c"], [1, 2], [True, False, None], "xy")


def test_each_two_values_meet_in_fewer_cases_than_all() -> None:
    chosen = covering(*AXES)
    for (i, left), (j, right) in combinations(enumerate(AXES), 2):
        assert {(case[i], case[j]) for case in chosen} == set(product(left, right))
    assert len(chosen) == len(set(chosen)) < 13


def test_no_case_is_lost_and_the_rest_is_slow() -> None:
    cases = crossed(*AXES)
    assert [case.values for case in cases] == list(product(*AXES))
    assert [case.values for case in cases if not case.marks] == [c for c in product(*AXES) if c in covering(*AXES)]
    assert {mark.name for case in cases for mark in case.marks} == {"slow"}


@pytest.mark.parametrize(("value", "outcome"), [("true", pytest.fail), ("1", pytest.fail), ("", pytest.skip)])
def test_what_is_missing_fails_in_ci_only(
    monkeypatch: pytest.MonkeyPatch, value: str, outcome: type[pytest.fail]
) -> None:
    monkeypatch.setenv("CI", value)
    with pytest.raises(outcome.Exception, match="no data"):
        needed.missing("no data")


def test_only_the_script_that_cannot_install_it_excuses_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(needed.ZIG_ONLY, raising=False)
    with pytest.raises(pytest.fail.Exception, match="arm-none-eabi-gcc is not on PATH"):
        needed.need("arm-none-eabi-gcc")
    monkeypatch.setenv(needed.ZIG_ONLY, "1")
    with pytest.raises(pytest.skip.Exception):
        needed.need("arm-none-eabi-gcc")
    with pytest.raises(pytest.fail.Exception):
        needed.need("make")
