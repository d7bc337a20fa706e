"""Neighbours are valid, different, and one move away."""

import numpy as np
import pytest

from sparse_mcu.search.space.configuration import PRUNING_KINDS, Configuration
from sparse_mcu.search.space.description import describe, parse
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.moves import MOVES, Move, neighbours
from sparse_mcu.search.space.moves.connections import add_branch, change_branch, change_skip, remove_branch
from sparse_mcu.search.space.moves.depth import add_hidden
from sparse_mcu.search.space.moves.options import change_augmentation, change_levers, change_pruning
from sparse_mcu.search.space.moves.width import change_channels
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.task import Task

TASK = Task((1, 8, 8), 10)


def test_neighbours_are_admitted_different_and_round_trip(space: Space) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        center = space.sample(rng)
        found = neighbours(center, space, rng, 6)
        assert len(set(found)) == len(found) == 6
        assert center not in found
        assert all(space.admits(neighbour) for neighbour in found)
        assert all(Configuration.model_validate_json(n.model_dump_json()) == n for n in found)


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
def test_every_move_changes_something_valid(move: Move) -> None:
    space = Space(TASK, Limits(prunings=PRUNING_KINDS))
    rng = np.random.default_rng(0)
    centers = [space.sample(rng) for _ in range(50)]
    moved = [(center, move(center, space.limits, rng)) for center in centers]
    repaired = [(old, space.repaired(new)) for old, new in moved if new is not None]
    changed = [new for old, new in repaired if new != old and space.admits(new)]
    assert len(changed) >= 5


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
def test_no_move_leaves_a_small_space(move: Move) -> None:
    limits = Limits(
        max_blocks=2,
        max_hidden=1,
        operators=("separable",),
        kernels=(2, 5),
        channels=(6, 7),
        units=(5, 6),
        input_poolings=(1,),
        skips=(),
        branches=False,
        augmentations=(),
        levers=(),
    )
    space, rng = Space(TASK, limits), np.random.default_rng(0)
    for _ in range(100):
        moved = move(space.sample(rng), limits, rng)
        assert moved is None or list(limits.refusals(moved)) == []


def found_by(move: Move, text: str, **limits: object) -> set[str]:
    """The networks that a move makes of a text in a space, repaired; admitted ones only."""
    space, rng = Space(TASK, Limits.model_validate(limits)), np.random.default_rng(0)
    moved = [move(parse(text), space.limits, rng) for _ in range(60)]
    repaired = [space.repaired(each) for each in moved if each is not None]
    return {describe(each) for each in repaired if space.admits(each)}


def test_skips_come_and_go_and_the_channels_follow() -> None:
    found = found_by(change_skip, "conv-3x6 conv-3x4/add/max dense")
    assert found == {
        "conv-3x6/cat conv-3x7/add/max dense",
        "conv-3x6 conv-3x6/add/max dense",
        "conv-3x6 conv-3x4/cat/max dense",
        "conv-3x6 conv-3x4/max dense",
    }
    assert found_by(change_skip, "conv-3x6/2 dense") == {"conv-3x6/2 dense"}, "a stride allows no skip"
    assert found_by(change_channels, "conv-3x6 conv-3x6/add dense") >= {"conv-3x8 conv-3x8/add dense"}


def test_branches_come_change_and_go() -> None:
    made = found_by(add_branch, "conv-3x6/max dense", operators=("conv",), kernels=(1, 3, 5))
    assert made == {"conv-3x6/max dense", "conv-3x6|conv-1x3/max dense", "conv-3x6|conv-5x3/max dense"}
    assert found_by(add_branch, "conv-3x6/valid dense", operators=("conv", "separable"), kernels=(1, 3)) == {
        "conv-3x6/valid dense",
        "conv-3x6|sep-3x3/valid dense",
    }
    assert found_by(remove_branch, "conv-3x6|sep-1x3/max dense") == {"conv-3x6/max dense"}
    changed = found_by(change_branch, "conv-3x6|conv-1x4 dense")
    assert {"conv-3x6|sep-1x4 dense", "conv-3x6|conv-2x4 dense", "conv-3x6|conv-1x5 dense"} <= changed


def test_pruning_gets_stronger_weaker_another_or_none() -> None:
    found = found_by(change_pruning, "dense prune=magnitude:0.5", prunings=PRUNING_KINDS)
    assert found == {
        "dense",
        "dense prune=magnitude:0.67",
        "dense prune=magnitude:0.3",
        "dense prune=variational:1",
        "dense prune=bayesian:1",
    }
    assert found_by(change_pruning, "dense", prunings=("bayesian",)) == {"dense prune=bayesian:1"}
    assert found_by(change_pruning, "dense", prunings=()) == set()


def test_augmentation_and_levers_change() -> None:
    assert found_by(change_augmentation, "dense", augmentations=(0.5,)) == {"dense augment=0.5"}
    assert found_by(change_augmentation, "dense augment=0.5", augmentations=(0.5,)) == {"dense"}
    assert found_by(change_augmentation, "dense", augmentations=()) == set()
    assert found_by(change_levers, "conv-3x4/max dense", recomputes=(1.5,)) == {
        "conv-3x4/max dense levers=pools",
        "conv-3x4/max dense levers=streams",
        "conv-3x4/max dense levers=streams,recompute1.5",
    }
    assert found_by(change_levers, "conv-3x4 dense", recomputes=()) == {"conv-3x4 dense levers=streams"}
    assert found_by(change_levers, "dense levers=streams") == {"dense"}, "there is no map to stream"
    assert found_by(change_levers, "dense") == found_by(change_levers, "conv-3x4/max dense", levers=()) == set()


def test_hidden_layers_come_up_to_three_dense_layers_in_all() -> None:
    assert all(len(parse(text).hidden) == 2 for text in found_by(add_hidden, "dense-9 dense"))
    assert found_by(add_hidden, "dense-9 dense-8 dense") == set()


def test_the_same_generator_gives_the_same_neighbours(space: Space) -> None:
    center = space.sample(np.random.default_rng(1))
    first, second = (neighbours(center, space, np.random.default_rng(2), 5) for _ in range(2))
    assert first == second
