"""Encodings stay in the unit cube, tell configurations apart, and treat what is inactive evenly."""

import numpy as np
import pytest

from sparse_mcu.search.space.configuration import PRUNING_KINDS, Block, Configuration
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.task import Task
from sparse_mcu.search.strategies.models.encoding import DERIVED, encode


def test_fixed_length_in_the_unit_cube_and_injective() -> None:
    space = Space(Task((1, 8, 8), 10), Limits(prunings=PRUNING_KINDS))
    rng = np.random.default_rng(0)
    samples = list(dict.fromkeys(space.sample(rng) for _ in range(300)))
    codes = np.stack([encode(sample, space) for sample in samples])
    assert codes.min() >= 0
    assert codes.max() <= 1
    assert len(np.unique(codes, axis=0)) == len(samples)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, 6, 7])
def test_an_inactive_value_is_equally_far_from_all(space: Space, kernel: int) -> None:
    block = Block(operator="conv", kernel=kernel, channels=8, padded=True, reduction="none")
    with_block = Configuration(input_pooling=1, blocks=(block,), head="flatten", hidden=())
    without = with_block.model_copy(update={"blocks": ()})
    difference = encode(with_block, space) - encode(without, space)
    kernel_pair = difference[7:9]  # after pooling, depth, head and operator
    assert np.linalg.norm(kernel_pair) == pytest.approx(1)


def test_options_that_do_not_apply_are_equally_far_from_all() -> None:
    space = Space(Task((1, 8, 8), 10), Limits(prunings=PRUNING_KINDS))

    def distance(one: str, other: str) -> float:
        codes = [encode(parse(f"conv-3x4 dense {text}"), space) for text in (one, other)]
        return float(np.linalg.norm(codes[0] - codes[1]))

    strengths = [f"prune=bayesian:{strength}" for strength in (0.1, 1, 10)]
    assert {round(distance("", each), 9) for each in strengths} == {round(2**0.5, 9)}
    assert distance(strengths[0], strengths[2]) > distance(strengths[0], strengths[1]) > 0
    assert distance("prune=variational:1", "prune=bayesian:1") == pytest.approx(2)
    assert {round(distance("", f"augment={each}"), 9) for each in (0, 0.5, 1.5)} == {1.0}
    assert distance("augment=0", "augment=1.5") > distance("augment=0", "augment=0.5") > 0
    assert distance("levers=streams", "levers=recompute2") > distance("levers=streams", "levers=recompute1.5") > 0
    assert distance("", "levers=pools") == 1


def test_a_branch_that_is_missing_is_equally_far_from_all_kernels(space: Space) -> None:
    without = encode(parse("conv-3x4/max dense"), space)[:-DERIVED]
    texts = [f"conv-3x4|sep-{kernel}x4/max dense" for kernel in range(1, 8)]
    distances = {round(float(np.linalg.norm(encode(parse(text), space)[:-DERIVED] - without)), 9) for text in texts}
    assert len(distances) == 1
