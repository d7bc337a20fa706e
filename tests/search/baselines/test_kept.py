"""Results that are kept: the same facts give them again, others do not."""

from pathlib import Path

import pytest

from sparse_mcu.search.baselines import kept
from sparse_mcu.search.baselines.kept import kept_result
from sparse_mcu.search.baselines.result import Accuracy, MethodResult, Size
from sparse_mcu.simulation.cache.folder import VARIABLE


def make_row(method: str = "knn") -> MethodResult:
    return MethodResult(
        method=method,
        title="T",
        validation=Accuracy(value=0.1 + 0.2, images=10, fidelity="estimated"),
        test=None,
        size=Size(bytes=1, fidelity="estimated"),
        ram=Size(bytes=2, fidelity="estimated"),
        numbers=1,
        counted="c",
        setting="s",
        trained_on=3,
        seconds=0.1,
    )


def test_equal_facts_give_the_same_result_without_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    made: list[str] = []

    def get(facts: str) -> MethodResult:
        def make() -> MethodResult:
            made.append(facts)
            return make_row()

        return kept_result(facts, make)

    assert get("a") == get("a") == make_row()
    assert made == ["a"]
    get("b")
    monkeypatch.setattr(kept, "_own_code", lambda: "changed")
    get("a")
    monkeypatch.setattr(kept, "version", lambda _: "0")
    get("a")
    assert made == ["a", "b", "a", "a"]
