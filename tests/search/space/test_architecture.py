"""Layers go together or say why not, and their sizes are those of the published model."""

import pytest

from sparse_mcu.search.space.architecture import Add, Architecture, Concat
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.search.space.task import Task


def built(text: str) -> Architecture:
    return build_architecture(parse(text), Task((1, 8, 8), 10))


def test_the_layers_of_a_block_with_everything() -> None:
    layers = built("conv-3x6 sep-5x2|conv-3x4/add/max dense").layers
    assert [(layer.name, layer.inputs, layer.output_shape) for layer in layers] == [
        ("block0_conv", ("image",), (6, 8, 8)),
        ("block1_conv", ("block0_conv",), (4, 8, 8)),
        ("block1_branch_depthwise", ("block0_conv",), (6, 8, 8)),
        ("block1_branch_pointwise", ("block1_branch_depthwise",), (2, 8, 8)),
        ("block1_concat", ("block1_conv", "block1_branch_pointwise"), (6, 8, 8)),
        ("block1_add", ("block1_concat", "block0_conv"), (6, 8, 8)),
        ("block1_pool", ("block1_add",), (6, 4, 4)),
        ("flatten", ("block1_pool",), (96,)),
        ("logits", ("flatten",), (10,)),
    ]
    assert [getattr(layer, "relu", None) for layer in layers[:4]] == [True, False, True, False]


def test_the_order_of_two_convolutions_does_not_count() -> None:
    assert built("sep-5x2|conv-3x4/cat dense") == built("conv-3x4|sep-5x2/cat dense")


def test_weights_multiplications_and_working_memory_of_a_graph() -> None:
    architecture = built("conv-3x6 conv-3x4|conv-1x2/add dense")
    assert architecture.weights == 54 + 6 * 4 * 9 + 6 * 2 + 6 * 64 * 10
    assert architecture.macs == 64 * (54 + 216 + 12) + 3840
    assert architecture.working_memory == 3 * 6 * 64, "both inputs of the addition, and its output"
    joined = built("conv-3x6 conv-3x4/cat avg dense")
    assert isinstance(joined.layers[2], Concat)
    assert joined.working_memory == 10 * 64 + 10, "a concatenation only moves values, and the rest is smaller"


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("conv-3x6 conv-3x4/add dense", "layer block1_add adds 4x8x8 and 6x8x8 (channels, height, width)"),
        ("conv-3x6/valid/cat dense", "layer block0_concat joins 6x6x6 and 1x8x8 (channels, height, width)"),
        ("conv-3x6/cat/2 dense", "layer block0_concat joins 6x4x4 and 1x8x8 (channels, height, width)"),
        ("conv-3x6|conv-5x6/valid dense", "layer block0_concat joins 6x6x6 and 6x4x4 (channels, height, width)"),
        ("conv-9x6/valid dense", "layer block0_conv leaves nothing of its input of 1x8x8 (channels, height, width)"),
        ("conv-3x6 conv-3x6/add conv-1x6/valid/add conv-3x2|sep-3x4/cat/max dense", ""),
    ],
)
def test_shapes_that_do_not_go_together_are_named(text: str, flaw: str) -> None:
    assert built(text).flaw == flaw
    assert built(text).is_valid == (not flaw)


def test_additions_are_layers_of_their_own() -> None:
    kinds = [type(layer) for layer in built("conv-3x6 sep-3x6/add sep-3x6/add avg dense").layers]
    assert kinds.count(Add) == 2
