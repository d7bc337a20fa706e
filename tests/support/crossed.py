"""Products of parameters: in the normal run a part in which each two values meet, in `slow` the rest."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

Case = tuple[Any, ...]


def _pairs(case: Case) -> set[tuple[tuple[int, Any], ...]]:
    return set(combinations(enumerate(case), 2))


def covering(*axes: Sequence[Any]) -> list[Case]:
    """Cases of the product in which every two values of two axes meet: greedily those with the most new pairs."""
    cases, chosen = list(product(*axes)), []
    open_pairs = {pair for case in cases for pair in _pairs(case)}
    while open_pairs:
        best = max(cases, key=lambda case: len(_pairs(case) & open_pairs))
        chosen.append(best)
        open_pairs -= _pairs(best)
    return chosen


def crossed(*axes: Sequence[Any]) -> list[ParameterSet]:
    """The whole product, for `pytest.mark.parametrize`; what a covering part does not need is slow."""
    normal = covering(*axes)
    return [pytest.param(*case, marks=[] if case in normal else pytest.mark.slow) for case in product(*axes)]
