"""Typical networks: convolutions that grow wider, as wide as what fits allows."""

from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.space.task import Task
from sparse_mcu.search.strategies.exact.typical import typical

SPACE = Space(Task((1, 28, 28), 10))


def texts(space: Space, most_weights: int, *, are_small: bool = False) -> list[str]:
    def fits(configuration: Configuration) -> bool:
        return build_architecture(configuration, space.task).weights <= most_weights

    return [describe(each) for each in typical(space, fits, are_small=are_small)]


def test_they_are_as_wide_as_what_fits() -> None:
    assert texts(SPACE, 2048) == [
        "pool2 conv-3x6/max conv-3x12/max dense",
        "pool2 conv-3x4/max dense",
        "pool2 conv-3x6/max conv-3x12 conv-3x6/valid/max dense",
        "pool2 conv-3x12/max sep-3x24/max sep-3x24 avg dense",
    ]
    assert texts(SPACE, 300) == [
        "pool2 conv-3x2/max conv-3x4 conv-3x2/valid/max dense",
        "pool2 conv-3x3/max sep-3x6/max sep-3x6 avg dense",
    ]
    assert texts(SPACE, 0) == []


def test_small_ones_lie_in_the_middle_of_the_widths() -> None:
    """The widths of the first test are 6, 4, 6 and 12."""
    assert texts(SPACE, 2048, are_small=True) == [
        "pool2 conv-3x3/max conv-3x6/max dense",
        "pool2 conv-3x2/max dense",
        "pool2 conv-3x3/max conv-3x6 conv-3x3/valid/max dense",
        "pool2 conv-3x4/max sep-3x8/max sep-3x8 avg dense",
    ]
    assert texts(SPACE, 0, are_small=True) == []


def test_small_images_are_not_halved() -> None:
    assert texts(Space(Task((1, 8, 8), 10)), 10**6)[1] == "conv-3x16/max dense"


def test_a_space_without_them_has_none() -> None:
    assert texts(Space(SPACE.task, Limits(kernels=(5,))), 10**6) == []
    assert len(texts(Space(SPACE.task, Limits(operators=("conv",))), 10**6)) == 3
