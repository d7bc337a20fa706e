"""Encodings stay in the unit cube, tell configurations apart, and treat what is inactive evenly."""

import numpy as np
import pytest

from sparse_mcu.search.space.configuration import Block, Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.strategies.models.encoding import encode


def test_fixed_length_in_the_unit_cube_and_injective(space: Space) -> None:
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
