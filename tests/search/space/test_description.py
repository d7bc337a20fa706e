"""The text form says everything, reads back, and its errors name the word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_mcu.search.space.configuration import HEADS, REDUCTIONS, Block, Configuration
from sparse_mcu.search.space.description import NetworkTextError, describe, parse
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.search.space.task import Task

NET_B = "conv-3x8/max sep-3x16/max sep-3x24 sep-3x24/valid avg dense"
NET_C = "pool2 conv-3x6/max conv-3x12 conv-3x8/valid/max dense"

SIZES = st.integers(1, 999_999)
OPERATORS = st.sampled_from([("conv", None), ("separable", None), ("downsampled", 2), ("downsampled", 4)])
BLOCKS = st.builds(
    lambda operator, **others: Block(operator=operator[0], squeeze=operator[1], **others),
    operator=OPERATORS,
    kernel=SIZES,
    channels=SIZES,
    padded=st.booleans(),
    reduction=st.sampled_from(REDUCTIONS),
)
CONFIGURATIONS = st.lists(BLOCKS, max_size=8).flatmap(
    lambda blocks: st.builds(
        Configuration,
        input_pooling=SIZES,
        blocks=st.just(tuple(blocks)),
        head=st.sampled_from(HEADS if blocks else ("flatten",)),
        hidden=st.lists(SIZES, max_size=4).map(tuple),
    )
)


@given(configuration=CONFIGURATIONS, gap=st.sampled_from([" ", "  ", "\n", "\t "]))
def test_every_configuration_reads_back(configuration: Configuration, gap: str) -> None:
    text = describe(configuration)
    assert parse(text) == configuration
    assert describe(parse(gap + text.replace(" ", gap) + gap)) == text


@pytest.mark.parametrize(
    ("text", "weights", "macs"),
    [
        (NET_B, 1832, 141_560),
        (NET_C, 1886, 64_256),
        ("dense", 7840, 7840),
        ("pool2 dense-20 dense-16 dense", 4400, 4400),
    ],
)
def test_known_networks_can_be_said(text: str, weights: int, macs: int) -> None:
    architecture = build_architecture(parse(text), Task((1, 28, 28), 10))
    assert architecture.is_valid
    assert (architecture.weights, architecture.macs) == (weights, macs)
    assert describe(parse(text)) == text


def test_the_words_mean_what_the_page_says() -> None:
    assert parse("pool3 down4-2x5/valid/2 avg dense-7 dense-9 dense") == Configuration(
        input_pooling=3,
        blocks=(Block(operator="downsampled", kernel=2, channels=5, padded=False, reduction="stride", squeeze=4),),
        head="average",
        hidden=(7, 9),
    )
    assert parse("pool1 conv-3x8 dense") == parse("conv-3x8 dense")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ends with '', not with 'dense'"),
        ("conv-3x8", "ends with 'conv-3x8', not with 'dense'"),
        ("cnv-3x8 dense", r"word 1, 'cnv-3x8', is unknown. Known are poolN.* Did you mean 'conv'\?"),
        ("conv-3x8 denes-3 dense", r"word 2, 'denes-3', is unknown.* Did you mean 'dense'\?"),
        ("conv-3 dense", "word 1, 'conv-3', is unknown. Known are .*conv-KxC"),
        ("conv-3x8/max/valid dense", "word 1, 'conv-3x8/max/valid', is unknown"),
        ("conv-0x8 dense", "word 1, 'conv-0x8', is unknown"),
        ("down3-3x8 dense", r"word 1, 'down3-3x8', is unknown.* Did you mean 'down[24]'\?"),
        ("dense-4 conv-3x8 dense", "word 2, 'conv-3x8', cannot stand after 'dense-4'. The order is: poolN"),
        ("conv-3x8 pool2 dense", "word 2, 'pool2', cannot stand after 'conv-3x8'"),
        ("conv-3x8 dense dense", "word 2, 'dense', cannot stand after 'conv-3x8'"),
        ("pool2 pool3 dense", "word 2, 'pool3', stands there twice"),
        ("conv-3x8 avg avg dense-3 dense", "word 3, 'avg', stands there twice"),
        ("pool2 avg dense", "word 2, 'avg', averages feature maps, and no block makes any"),
    ],
)
def test_mistakes_name_the_word(text: str, message: str) -> None:
    with pytest.raises(NetworkTextError, match=message):
        parse(text)
