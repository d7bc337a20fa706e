"""The text form says everything, reads back, and its errors name the word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sparse_mcu.search.space.configuration import (
    HEADS,
    PRUNING_KINDS,
    REDUCTIONS,
    SKIPS,
    Block,
    Branch,
    Configuration,
    LeverChoice,
    Pruning,
)
from sparse_mcu.search.space.description import describe, parse
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.search.space.task import Task
from sparse_mcu.search.space.text_error import NetworkTextError

NET_B = "conv-3x8/max sep-3x16/max sep-3x24 sep-3x24/valid avg dense"
NET_C = "pool2 conv-3x6/max conv-3x12 conv-3x8/valid/max dense"

SIZES = st.integers(1, 999_999)
OPERATORS = st.sampled_from([("conv", None), ("separable", None), ("downsampled", 2), ("downsampled", 4)])
BRANCHES = st.builds(
    lambda operator, **others: Branch(operator=operator[0], squeeze=operator[1], **others),
    operator=OPERATORS,
    kernel=SIZES,
    channels=SIZES,
)
BLOCKS = st.builds(
    lambda operator, **others: Block(operator=operator[0], squeeze=operator[1], **others),
    operator=OPERATORS,
    kernel=SIZES,
    channels=SIZES,
    padded=st.booleans(),
    reduction=st.sampled_from(REDUCTIONS),
    branch=st.none() | BRANCHES,
    skip=st.sampled_from(SKIPS),
)
SHARES = st.floats(0, 1, exclude_min=True, exclude_max=True)
STRENGTHS = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
PRUNINGS = st.builds(
    lambda kind, share, strength: Pruning(kind=kind, strength=share if kind == "magnitude" else strength),
    kind=st.sampled_from(PRUNING_KINDS),
    share=SHARES,
    strength=STRENGTHS,
)
LEVERS = st.builds(
    lambda pools, streams, factor: LeverChoice(
        fused_pools=pools, streaming=streams, max_recompute=factor if streams else 1.0
    ),
    pools=st.booleans(),
    streams=st.booleans(),
    factor=st.floats(min_value=1, allow_infinity=False),
)
CONFIGURATIONS = st.lists(BLOCKS, max_size=8).flatmap(
    lambda blocks: st.builds(
        Configuration,
        input_pooling=SIZES,
        blocks=st.just(tuple(blocks)),
        head=st.sampled_from(HEADS if blocks else ("flatten",)),
        hidden=st.lists(SIZES, max_size=4).map(tuple),
        pruning=st.none() | PRUNINGS,
        augmentation=st.none() | st.floats(min_value=0, allow_infinity=False),
        levers=LEVERS,
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
    branch = Branch(operator="separable", kernel=5, channels=4)
    block = Block(operator="conv", kernel=3, channels=8, padded=False, reduction="max", branch=branch, skip="concat")
    assert parse("conv-3x8|sep-5x4/valid/cat/max dense").blocks == (block,)
    assert parse("conv-3x8/add dense").blocks[0].skip == "add"
    assert parse("dense prune=bayesian:2 augment=0 levers=pools,recompute1.5") == Configuration(
        input_pooling=1,
        blocks=(),
        head="flatten",
        hidden=(),
        pruning=Pruning(kind="bayesian", strength=2.0),
        augmentation=0.0,
        levers=LeverChoice(fused_pools=True, streaming=True, max_recompute=1.5),
    )
    assert describe(parse("dense levers=pools,recompute1.5")) == "dense levers=pools,streams,recompute1.5"


def test_a_record_without_the_newer_fields_means_what_it_meant() -> None:
    old = {"operator": "conv", "kernel": 3, "channels": 8, "padded": True, "reduction": "max", "squeeze": None}
    record = {"input_pooling": 1, "blocks": [old], "head": "flatten", "hidden": [4]}
    configuration = Configuration.model_validate(record)
    assert configuration == parse("conv-3x8/max dense-4 dense")
    assert configuration.levers == LeverChoice()
    assert (configuration.pruning, configuration.augmentation) == (None, None)


@pytest.mark.parametrize(
    ("record", "values"),
    [
        (Pruning, {"kind": "magnitude", "strength": 1.0}),
        (Pruning, {"kind": "bayesian", "strength": 0.0}),
        (LeverChoice, {"max_recompute": 1.5}),
        (LeverChoice, {"streaming": True, "max_recompute": 0.9}),
    ],
)
def test_options_that_mean_nothing_are_refused(record: type[Pruning | LeverChoice], values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        record.model_validate(values)


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
        ("augment=1 dense", "ends with '', not with 'dense'. The last layer gives the classes; options follow it"),
        ("conv-3x8|conv-3 dense", "word 1, 'conv-3x8|conv-3', is unknown. Known are"),
        ("conv-3x8/max/add dense", "word 1, 'conv-3x8/max/add', is unknown. Known are .*in this order"),
        ("dense augment=1 conv-3x8", "word 3, 'conv-3x8', cannot stand after an option. The network comes first"),
        ("dense prun=magnitude:0.5", r"word 2, 'prun=magnitude:0.5', is no option.* Did you mean 'prune'\?"),
        ("dense augment=1 prune=bayesian:1", "word 3, 'prune=bayesian:1', cannot stand after 'augment=1'. The order"),
        ("dense augment=1 augment=2", "word 3, 'augment=2', stands there twice"),
        ("dense augment=much", "word 2, 'augment=much', has no number as its strength, but 'much'"),
        ("dense augment=1e999", "word 2, 'augment=1e999', is too large"),
        ("dense prune=bayes:1", r"names no kind of pruning: 'bayes'. Known are magnitude, variational.*'bayesian'\?"),
        ("dense prune=magnitude", "word 2, 'prune=magnitude', has no number as its strength, but ''"),
        ("dense prune=magnitude:1.5", "has a strength of 1.5. The strength of magnitude is above 0 and below 1"),
        ("dense prune=variational:0", "has a strength of 0. The strength of variational is a number above 0"),
        ("dense levers=", "word 2, 'levers=', names no lever: ''. Known are pools, streams and recomputeFACTOR"),
        ("dense levers=pool", r"names no lever: 'pool'.* Did you mean 'pools'\?"),
        ("dense levers=pools,pools", "names 'pools' twice"),
        ("dense levers=recompute", "has no number as its factor of recompute, but ''"),
        ("dense levers=recompute0.5", "has a factor below 1. Write recompute1.5"),
    ],
)
def test_mistakes_name_the_word(text: str, message: str) -> None:
    with pytest.raises(NetworkTextError, match=message.replace("|", r"\|")):
        parse(text)
