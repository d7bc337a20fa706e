"""Max pooling."""

from firmware_builds import BATCHES, BOARDS, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, max_pools


@BATCHES
@given(cases=st.lists(max_pools(), min_size=8, max_size=12), board=BOARDS, seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(cases: list[LayerCase], board: str, seed: int) -> None:
    assert_matches_reference(cases, board, seed, "max_pool2d")
