"""The pool: parents that are rare at their costs, and moves that helped."""

import numpy as np
import pytest

from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.moves import MOVES
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.strategies.exact.morphing import improved_when_told, morph, move_shares, parent_weights


def test_moves_that_improved_the_front_are_used_more() -> None:
    even = move_shares([])
    assert set(even) == {move.__name__ for move in MOVES}
    assert even["add_block"] == pytest.approx(1 / len(MOVES))
    adapted = move_shares([(("add_block",), True)] * 6 + [(("change_head",), False)] * 6)
    assert sum(adapted.values()) == pytest.approx(1)
    assert adapted["add_block"] > 2 * adapted["change_head"] > 0
    assert adapted["change_head"] < adapted["remove_block"] < adapted["add_block"]


def test_a_trial_improves_the_front_that_it_met() -> None:
    values = np.array([[3.0, 3.0], [4.0, 4.0], [2.0, 4.0], [1.0, 1.0], [1.0, 1.0]])
    assert improved_when_told(values) == [True, False, True, True, False]


def test_members_that_are_alone_at_their_costs_are_parents_more_often() -> None:
    costs = np.array([[0.0], [0.01], [0.02], [0.03], [1.0]])
    weights = parent_weights(costs, is_rarity_preferred=True)
    assert weights.sum() == pytest.approx(1)
    assert weights[4] > 3 * weights[:4].max()
    assert (weights > 0.01).all()
    assert parent_weights(costs, is_rarity_preferred=False).tolist() == [0.2] * 5


def test_a_morph_is_another_network_and_names_its_moves(space: Space) -> None:
    parent, rng = parse("conv-3x4/max conv-3x8 dense"), np.random.default_rng(0)
    shares = {move.__name__: float(move.__name__ == "change_kernel") for move in MOVES}
    made = [morph(parent, 7, space, shares, rng) for _ in range(20)]
    counts = set()
    for each in made:
        assert each is not None
        assert each.parent == 7
        assert set(each.moves) == {"change_kernel"}
        assert each.configuration != parent
        assert space.admits(each.configuration)
        counts.add(len(each.moves))
    assert counts == {1, 2}
