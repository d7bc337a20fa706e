"""Parametrises tests by a product. The normal run tests a part in which each two values meet, and `slow` the rest."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

Case = tuple[Any, ...]


def _pairs(case: Case) -> set[tuple[tuple[int, Any], ...]]:
    return set(combinations(enumerate(case), 2))


def covering(*axes: Sequence[Any]) -> list[Case]:
    """Returns cases in which every two values of two axes meet. Each new case has the most new pairs."""
    cases, chosen = list(product(*axes)), []
    open_pairs = {pair for case in cases for pair in _pairs(case)}
    while open_pairs:
        best = max(cases, key=lambda case: len(_pairs(case) & open_pairs))
        chosen.append(best)
        open_pairs -= _pairs(best)
    return chosen


def crossed(*axes: Sequence[Any]) -> list[ParameterSet]:
    """Returns the whole product for `pytest.mark.parametrize`. Cases outside the covering part are slow."""
    normal = covering(*axes)
    return [pytest.param(*case, marks=[] if case in normal else pytest.mark.slow) for case in product(*axes)]
