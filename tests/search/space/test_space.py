"""Every point of the unit cube is a valid network for its images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.space.configuration import NO_LEVERS, PRUNING_KINDS, Block, Configuration, LeverChoice
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.space.task import Task

TASKS = [Task((1, 8, 8), 10), Task((1, 28, 28), 10), Task((3, 32, 32), 10), Task((1, 1, 1), 2), Task((2, 5, 3), 7)]
TASKS += [Task((1, 28, 28), 62), Task((3, 64, 64), 61), Task((3, 96, 96), 62)]  # Chars74K, CUReT, the largest of ours
DIMENSIONS = Space(TASKS[0]).dimensions
POINTS = st.lists(st.floats(0, 1), min_size=DIMENSIONS, max_size=DIMENSIONS).map(np.array)


@settings(max_examples=100, deadline=None)
@given(task=st.sampled_from(TASKS), point=POINTS)
def test_every_point_decodes_to_an_admitted_configuration(task: Task, point: np.ndarray) -> None:
    space = Space(task)
    configuration = space.decode(point)
    architecture = build_architecture(configuration, task)
    assert space.admits(configuration)
    assert architecture.macs <= space.limits.max_macs
    assert architecture.weights <= space.limits.max_weights
    assert Configuration.model_validate_json(configuration.model_dump_json()) == configuration


def test_the_worked_example_of_decoding() -> None:
    point = np.zeros(DIMENSIONS)
    point[:10] = (0.0, 0.2, 0.4, 0.3, 0.5, 0.9, 0.5, 0.1, 0.2, 0.3)
    point[-8:] = (0.2, 0.6, 0.5, 0.9, 0.1, 0.4, 0.9, 0.6)
    block = Block(operator="separable", kernel=3, channels=11, padded=True, reduction="max")
    expected = Configuration(
        input_pooling=1,
        blocks=(block,),
        head="flatten",
        hidden=(16,),
        augmentation=1.0,
        levers=LeverChoice(fused_pools=True),
    )
    assert Space(TASKS[0]).decode(point) == expected
    point[10:-8] = 0.9
    point[-5] = point[-3] = 0.1
    assert Space(TASKS[0]).decode(point) == expected, "coordinates of absent parts have no effect"


def test_samples_reach_every_choice() -> None:
    rng = np.random.default_rng(0)
    samples = [Space(TASKS[1]).sample(rng) for _ in range(1000)]
    blocks = [block for sample in samples for block in sample.blocks]
    assert {sample.input_pooling for sample in samples} == {1, 2, 3, 4}
    assert {len(sample.blocks) for sample in samples} == {0, 1, 2, 3, 4, 5, 6}
    assert {len(sample.hidden) for sample in samples} == {0, 1, 2}
    assert {sample.head for sample in samples} == {"flatten", "average"}
    assert {block.operator for block in blocks} == {"conv", "separable", "downsampled"}
    assert {block.kernel for block in blocks} == {1, 2, 3, 4, 5, 6, 7}
    assert {block.reduction for block in blocks} == {"none", "max", "stride"}
    assert {block.squeeze for block in blocks} == {None, 2, 4}
    assert min(block.channels for block in blocks) == 2
    assert max(block.channels for block in blocks) > 56
    assert {block.skip for block in blocks} == {"none", "add", "concat"}
    branches = [block.branch for block in blocks if block.branch is not None]
    assert {branch.operator for branch in branches} == {"conv", "separable", "downsampled"}
    assert {branch.kernel for branch in branches} == {1, 2, 3, 4, 5, 6, 7}
    assert {sample.augmentation for sample in samples} == {None, 0.0, 0.5, 1.0, 1.5}
    choices = [(False, 1.0), (True, 1.0), (True, 1.5)]
    assert {(sample.levers.streaming, sample.levers.max_recompute) for sample in samples} == set(choices)
    assert any(sample.levers.fused_pools for sample in samples)
    assert {sample.pruning.kind for sample in samples if sample.pruning is not None} == set(PRUNING_KINDS)


def test_what_most_networks_do_without_is_rare() -> None:
    """The shares are those of the module, less what does not fit."""
    rng = np.random.default_rng(0)
    space = Space(TASKS[1])
    samples = [space.sample(rng) for _ in range(1000)]
    blocks = [block for sample in samples for block in sample.blocks]
    assert 0.1 < np.mean([block.skip != "none" for block in blocks]) < 0.2
    assert 0.1 < np.mean([block.branch is not None for block in blocks]) < 0.22
    levered = [sample.levers != NO_LEVERS for sample in samples if sample.blocks]
    assert np.mean(levered) == pytest.approx(0.5, abs=0.04)
    assert all(sample.levers == NO_LEVERS for sample in samples if not sample.blocks)
    assert np.mean([sample.augmentation is not None for sample in samples]) == pytest.approx(0.3, abs=0.04)
    prunings = [sample.pruning for sample in samples if sample.pruning is not None]
    assert len(prunings) == pytest.approx(150, abs=35)
    assert {pruning.kind for pruning in prunings} == set(PRUNING_KINDS)
    for pruning in prunings:
        least, most = space.limits.strengths(pruning.kind)
        assert least <= pruning.strength <= most
    assert np.mean(["|" not in describe(sample) and "/add" not in describe(sample) for sample in samples]) > 0.4


def test_a_space_without_them_has_none_of_them() -> None:
    chains = Limits(
        skips=(), branches=False, augmentations=(), levers=(), prunings=(), operators=("conv",), kernels=(3, 5)
    )
    space = Space(TASKS[1], chains)
    rng = np.random.default_rng(0)
    for _ in range(100):
        sample = space.sample(rng)
        assert not set("|/=") & set(describe(sample).replace("/valid", "").replace("/max", "").replace("/2", ""))
        assert {block.operator for block in sample.blocks} <= {"conv"}


def test_a_network_beyond_the_limits_is_narrowed() -> None:
    space = Space(TASKS[1], Limits(max_macs=20_000, max_weights=500))
    rng = np.random.default_rng(0)
    assert all(space.admits(space.sample(rng)) for _ in range(200))


def test_a_block_on_the_smallest_image_keeps_the_limits() -> None:
    space = Space(Task((3, 96, 96), 62), Limits(kernels=(2, 5), channels=(4, 8), units=(64, 64)))
    rng = np.random.default_rng(0)
    assert all(space.admits(space.sample(rng)) for _ in range(50))


def test_limits_that_no_network_keeps_are_an_error_not_a_hang() -> None:
    with pytest.raises(DatasetError, match=r"has at most 20000 multiply-accumulates and 9 weights. Scale"):
        Space(TASKS[1], Limits(max_macs=20_000, max_weights=9)).sample(np.random.default_rng(0))
    with pytest.raises(DatasetError, match="images of 3x1024x1024"):
        Space(Task((3, 1024, 1024), 1000), Limits(kernels=(2, 3, 4, 5))).sample(np.random.default_rng(0))
    with pytest.raises(DatasetError, match="images of 3x96x96"):
        Space(Task((3, 96, 96), 62), Limits(max_blocks=0)).sample(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("operator", "squeeze"), [("conv", 2), ("separable", 4), ("downsampled", None), ("downsampled", 3)]
)
def test_squeeze_belongs_to_one_operator(operator: str, squeeze: int | None) -> None:
    with pytest.raises(ValidationError, match="squeeze"):
        Block(operator=operator, kernel=3, channels=4, padded=True, reduction="none", squeeze=squeeze)  # type: ignore[arg-type]


def test_a_kernel_larger_than_its_feature_map_is_not_admitted() -> None:
    block = Block(operator="conv", kernel=5, channels=4, padded=False, reduction="none")
    too_deep = Configuration(input_pooling=1, blocks=(block, block), head="average", hidden=())
    assert not Space(TASKS[0]).admits(too_deep)
    assert Space(TASKS[1]).admits(too_deep)


def test_the_layers_of_a_configuration() -> None:
    separable = Block(operator="separable", kernel=3, channels=6, padded=True, reduction="stride")
    squeezed = Block(operator="downsampled", kernel=2, channels=5, padded=False, reduction="max", squeeze=4)
    configuration = Configuration(input_pooling=2, blocks=(separable, squeezed), head="average", hidden=(7,))
    architecture = build_architecture(configuration, Task((1, 28, 28), 10))
    assert [(layer.name, layer.output_shape) for layer in architecture.layers] == [
        ("input_pool", (1, 14, 14)),
        ("block0_depthwise", (1, 7, 7)),
        ("block0_pointwise", (6, 7, 7)),
        ("block1_squeeze", (2, 7, 7)),
        ("block1_conv", (5, 6, 6)),
        ("block1_pool", (5, 3, 3)),
        ("head_pool", (5, 1, 1)),
        ("flatten", (5,)),
        ("hidden0", (7,)),
        ("logits", (10,)),
    ]
    assert architecture.weights == 9 + 6 + 12 + 40 + 35 + 70
    assert architecture.macs == 9 * 49 + 6 * 49 + 12 * 49 + 40 * 36 + 35 + 70
    assert architecture.working_memory == 784 + 196
