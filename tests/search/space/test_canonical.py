"""Configurations that build the same network have one canonical form, and others have not."""

import dataclasses
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.search.space.architecture import IMAGE, Layer
from sparse_mcu.search.space.configuration import HEADS, REDUCTIONS, SKIPS, Block, BlockOperator, Branch, Configuration
from sparse_mcu.search.space.description import describe, parse
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.space.task import Task

FEW = Limits(input_poolings=(1, 2), kernels=(1, 2, 3), channels=(2, 3), units=(4, 5), max_blocks=3, max_hidden=1)
SPACES = [Space(Task(shape, 2), FEW) for shape in ((1, 1, 1), (1, 2, 2), (1, 4, 4), (4, 5, 3), (8, 6, 6))]
NARROW = FEW.model_copy(update={"channels": (1, 3)})
SPACES += [Space(Task((1, 4, 4), 2), NARROW)]
SPACES += [
    Space(Task(shape, 2), NARROW.model_copy(update={"operators": operators}))
    for shape, operators in (((1, 3, 3), ("conv", "separable")), ((2, 4, 4), ("conv", "downsampled")))
]
SHARE = 0.3
"""Of the blocks that have a branch, and of those that have a skip."""
OPERATORS: tuple[tuple[BlockOperator, Literal[2, 4] | None], ...] = (
    ("conv", None),
    ("separable", None),
    ("downsampled", 2),
    ("downsampled", 4),
)


def layers(configuration: Configuration, space: Space) -> tuple[Layer, ...]:
    """What is built, with numbers in place of names."""
    built = build_architecture(configuration, space.task).layers
    numbers = {IMAGE: IMAGE} | {layer.name: str(number) for number, layer in enumerate(built)}
    assert len(numbers) == len(built) + 1, "names are unique"
    return tuple(
        dataclasses.replace(layer, name=numbers[layer.name], inputs=tuple(numbers[each] for each in layer.inputs))
        for layer in built
    )


def drawn(rng: np.random.Generator, least: int) -> Configuration:
    """A configuration with every choice drawn for itself, admitted or not."""
    blocks = []
    for _ in range(rng.integers(3)):
        operator, squeeze = OPERATORS[rng.integers(4)]
        beside, divisor = OPERATORS[rng.integers(4)]
        branch = Branch(
            operator=beside, squeeze=divisor, kernel=int(rng.integers(1, 3)), channels=int(rng.integers(least, 4))
        )
        block = Block(
            operator=operator,
            squeeze=squeeze,
            kernel=int(rng.integers(1, 3)),
            channels=int(rng.integers(least, 4)),
            padded=bool(rng.integers(2)),
            reduction=REDUCTIONS[rng.integers(3)],
            branch=branch if rng.random() < SHARE else None,
            skip=SKIPS[rng.integers(1, 3)] if rng.random() < SHARE else "none",
        )
        blocks.append(block)
    head = HEADS[rng.integers(2)] if blocks else "flatten"
    return Configuration(input_pooling=int(rng.integers(1, 3)), blocks=tuple(blocks), head=head, hidden=())


def admitted(space: Space, seed: int, count: int) -> list[Configuration]:
    """Different admitted configurations."""
    rng = np.random.default_rng(seed)
    made = (drawn(rng, space.limits.channels[0]) for _ in range(count))
    return [each for each in dict.fromkeys(made) if space.admits(each)]


@settings(max_examples=30, deadline=None)
@given(space=st.sampled_from(SPACES), seed=st.integers(0, 2**32))
def test_equal_networks_and_only_they_have_equal_forms(space: Space, seed: int) -> None:
    several = admitted(space, seed, 200)
    forms = [space.canonical(each) for each in several]
    built = [layers(each, space) for each in several]
    assert [layers(form, space) for form in forms] == built
    assert len(set(zip(forms, built, strict=True))) == len(set(forms)) == len(set(built))
    assert all(space.admits(form) for form in forms)
    assert [space.canonical(form) for form in forms] == forms


def test_skips_and_branches_are_among_them() -> None:
    for space in SPACES:
        blocks = [block for each in admitted(space, 2, 500) for block in each.blocks]
        assert sum(block.skip != "none" for block in blocks) >= 5
        assert sum(block.branch is not None for block in blocks) >= 5


def test_a_stride_before_a_pool_stays_a_block_of_its_own() -> None:
    form = Space(Task((1, 8, 8), 2), NARROW).canonical(parse("conv-2x1/2 conv-1x3/max dense"))
    assert describe(form) == "conv-2x1/valid/2 conv-1x3/max dense"


def test_options_stay_and_streams_contain_fused_pools() -> None:
    space = Space(Task((1, 8, 8), 10))
    options = "prune=bayesian:2 augment=0.5 levers=streams,recompute1.5"
    assert describe(space.canonical(parse(f"conv-1x4/valid dense {options}"))) == f"conv-1x4 dense {options}"
    assert describe(space.canonical(parse("dense levers=pools,streams"))) == "dense levers=streams"
    assert describe(space.canonical(parse("dense levers=pools"))) == "dense levers=pools"


def test_many_configurations_do_meet() -> None:
    """The property above would be empty if they did not."""
    met = {}
    for space in SPACES:
        several = admitted(space, 1, 1000)
        met[space.task.shape] = len(several) - len({space.canonical(each) for each in several})
    assert min(met.values()) >= 5, met
    assert sum(met.values()) >= 100, met


@pytest.mark.parametrize(
    ("shape", "texts"),
    [
        ((1, 8, 8), ("conv-1x4/valid dense", "conv-1x4 dense")),
        ((1, 8, 8), ("conv-1x4 down2-3x4 dense", "conv-1x4 conv-1x2 conv-3x4 dense")),
        ((1, 8, 8), ("down4-3x4 dense", "down2-3x4 dense")),
        ((1, 8, 8), ("down2-1x4/max dense", "sep-1x4/max dense")),
        ((1, 8, 8), ("conv-2x4/2 dense", "conv-2x4/valid/2 dense")),
        ((1, 8, 8), ("conv-3x4|sep-3x2 dense", "sep-3x2|conv-3x4 dense")),
        ((1, 8, 8), ("conv-3x4 conv-1x2|conv-3x4/cat dense", "conv-3x4 conv-3x4|conv-1x2/cat dense")),
        ((1, 8, 8), ("conv-3x4 conv-1x4/valid/add dense", "conv-3x4 conv-1x4/add dense")),
        ((2, 8, 8), ("down2-3x4|conv-3x2/cat dense", "conv-3x2|down4-3x4/cat dense")),
        ((1, 2, 2), ("conv-3x4/2 conv-3x4/2 avg dense", "conv-3x4/2 conv-3x4 dense")),
    ],
)
def test_what_is_the_same(shape: tuple[int, int, int], texts: tuple[str, str]) -> None:
    space = Space(Task(shape, 10))
    one, other = map(parse, texts)
    assert one != other
    assert space.canonical(one) == space.canonical(other)


@pytest.mark.parametrize(
    ("shape", "texts"),
    [
        ((1, 7, 7), ("conv-2x4/2 dense", "conv-2x4/valid/2 dense")),
        ((1, 8, 8), ("down2-1x4/2 dense", "sep-1x4/2 dense")),
        ((1, 8, 8), ("conv-1x4 down2-3x4 dense", "conv-1x4 down4-3x4 dense")),
        ((1, 8, 8), ("conv-3x4/max dense", "conv-3x4/2 dense")),
        ((1, 8, 8), ("conv-3x4 avg dense", "conv-3x4 dense")),
        ((1, 8, 8), ("conv-3x4 conv-3x4/add dense", "conv-3x4 conv-3x4 dense")),
        ((1, 8, 8), ("conv-3x4 conv-3x4/cat dense", "conv-3x4 conv-3x4 dense")),
        ((1, 8, 8), ("conv-1x2 conv-3x4/cat dense", "down2-3x4 dense")),
        ((1, 8, 8), ("conv-3x4 dense levers=pools", "conv-3x4 dense")),
    ],
)
def test_what_is_not_the_same(shape: tuple[int, int, int], texts: tuple[str, str]) -> None:
    space = Space(Task(shape, 10))
    one, other = (describe(space.canonical(parse(text))) for text in texts)
    assert one != other
