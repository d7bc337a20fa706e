"""A space says what it does not hold, and two spaces stand side by side."""

import pytest
from pydantic import ValidationError

from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.limits import DEFAULT_LIMITS, Limits
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.task import Task

TASK = Task((1, 28, 28), 10)
FEW = Limits(
    max_weights=9000,
    max_macs=200_000,
    kernels=(3,),
    channels=(4, 8),
    units=(4, 9),
    max_blocks=2,
    max_hidden=1,
    prunings=(),
)


@pytest.mark.parametrize(
    ("text", "refusals"),
    [
        ("conv-3x8 sep-3x4 avg dense-9 dense", []),
        ("pool5 conv-3x8 avg dense", ["input pooling 5 is none of 1, 2, 3, 4"]),
        ("conv-2x8 avg dense", ["kernel 2 of block 1 is none of 3"]),
        ("conv-3x8 conv-3x9/max avg dense", ["9 channels of block 2 are not 4 to 8", "564570 multiply-accumulates"]),
        ("pool2 conv-3x4 conv-3x4 conv-3x4/2 avg dense", ["3 blocks are more than 2"]),
        ("pool2 dense-8 dense-9 dense", ["2 hidden dense layers are more than 1"]),
        ("pool2 dense-10 dense", ["10 units of a hidden dense layer are not 4 to 9"]),
        ("dense-9 dense", []),
        ("conv-3x8/max dense", ["15752 weights"]),
        ("pool2 conv-3x8|conv-3x4 avg dense", ["block 1 has two like convolutions side by side: one of 12 channels"]),
        ("pool2 conv-3x8|conv-2x4 avg dense", ["kernel 2 of the branch of block 1 is none of 3"]),
        ("pool2 conv-3x8|sep-3x9 avg dense", ["9 channels of the branch of block 1 are not 4 to 8"]),
        ("pool2 conv-3x8 conv-3x4/add avg dense", ["layer block1_add adds 4x14x14 and 8x14x14"]),
        ("dense-9 dense prune=magnitude:0.5", ["pruning magnitude is refused: the space contains none"]),
        ("dense-9 dense augment=0.7", ["augmentation 0.7 is none of 0, 0.5, 1, 1.5"]),
        ("dense-9 dense levers=recompute3", ["recompute factor 3 is none of 1.5"]),
        (
            "pool4 conv-3x8/valid/max conv-3x8/valid avg dense",
            ["layer block1_conv leaves nothing of its input of 8x2x2"],
        ),
    ],
)
def test_every_refusal_has_its_reason(text: str, refusals: list[str]) -> None:
    found = list(Space(TASK, FEW).refusals(parse(text)))
    assert [reason.startswith(wanted) for reason, wanted in zip(found, refusals, strict=True)] == [True] * len(refusals)
    assert Space(TASK, FEW).admits(parse(text)) == (not refusals)


def test_a_space_without_graphs_and_options_refuses_them() -> None:
    chains = Limits(
        operators=("conv",),
        skips=(),
        branches=False,
        augmentations=(),
        levers=(),
        recomputes=(),
        prunings=("bayesian",),
    )
    text = "conv-3x8 sep-3x4|conv-3x4/add avg dense prune=bayesian:20 augment=1 levers=pools,streams"
    assert list(chains.refusals(parse(text))) == [
        "operator separable of block 2 is none of conv",
        "block 2 has a branch, and the space has none",
        "skip add of block 2 is refused: the space contains none",
        "strength 20 of pruning bayesian is not 0.1 to 10",
        "augmentation 1 is refused: the space contains none",
        "lever pools is refused: the space contains none",
        "lever streams is refused: the space contains none",
    ]


def test_spaces_stand_side_by_side() -> None:
    configuration = parse("conv-7x40/2 avg dense")
    assert not Space(TASK, FEW).admits(configuration)
    assert Space(TASK).admits(configuration)
    assert Space(TASK).limits == DEFAULT_LIMITS
    assert Space(TASK, FEW).dimensions < Space(TASK).dimensions


@pytest.mark.parametrize(
    "damaged",
    [{"kernels": ()}, {"channels": (8, 4)}, {"kernels": (3, 2)}, {"max_macs": 0}, {"pruned_shares": (0.5, 1.0)}],
)
def test_limits_that_mean_nothing_are_refused(damaged: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Limits.model_validate(damaged)
