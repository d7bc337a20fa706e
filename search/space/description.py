"""Writes and reads the text form of a configuration: one line of words, first the network and then its options.

docs/search.md contains the grammar in the section "The text form".
"""

import re
from collections.abc import Sequence
from itertools import takewhile

from sparse_mcu.costmodel.errors import suggestion
from sparse_mcu.search.space.configuration import (
    OPERATORS,
    REDUCTIONS,
    SKIPS,
    SQUEEZES,
    Block,
    Configuration,
    Convolution,
)
from sparse_mcu.search.space.option_words import describe_options, is_option, parse_options
from sparse_mcu.search.space.text_error import NetworkTextError, wrong_word

_OPERATORS = dict(zip(("conv", "sep", "down"), OPERATORS, strict=True))
_SKIPS = dict(zip(("", "/add", "/cat"), SKIPS, strict=True))
_REDUCTIONS = dict(zip(("", "/max", "/2"), REDUCTIONS, strict=True))
_OPERATOR_WORDS = {operator: word for word, operator in _OPERATORS.items()}
_SKIP_WORDS = {skip: word for word, skip in _SKIPS.items()}
_REDUCTION_WORDS = {reduction: word for word, reduction in _REDUCTIONS.items()}

_NUMBER = r"([1-9]\d{0,5})"
_POOL = re.compile(rf"pool{_NUMBER}")
_CONVOLUTION = rf"(conv|sep|down(?:{'|'.join(map(str, SQUEEZES))}))-{_NUMBER}x{_NUMBER}"
_BLOCK = re.compile(rf"{_CONVOLUTION}(?:\|{_CONVOLUTION})?(/valid)?(/add|/cat)?(/max|/2)?")
_HIDDEN = re.compile(rf"dense-{_NUMBER}")
_AVERAGE, _LAST = "avg", "dense"
_STEMS = ("pool", "conv", "sep", *(f"down{squeeze}" for squeeze in SQUEEZES), _AVERAGE, _LAST)
_FORMS = (
    "poolN, conv-KxC, sep-KxC, down2-KxC or down4-KxC (then |, a second of them and /valid, /add or /cat, /max or /2, "
    "in this order), avg, dense-N, dense, and after it prune=, augment= and levers="
)


def describe(configuration: Configuration) -> str:
    """Returns a configuration as one line, which `parse` reads back.

    For example, "pool2 conv-3x8/max sep-5x16/valid avg dense-32 dense" averages squares of 2x2 pixels. Then come a
    padded 3x3 convolution to 8 channels with max pooling, a separable 5x5 convolution to 16 channels without a border,
    the mean of each channel, a hidden dense layer of 32 units, and the logits. The options of the network follow, such
    as "prune=magnitude:0.5 levers=streams".

    Args:
        configuration: Any configuration.
    """
    words = [f"pool{configuration.input_pooling}"] if configuration.input_pooling > 1 else []
    words += map(_block_word, configuration.blocks)
    words += [_AVERAGE] if configuration.head == "average" else []
    words += [f"dense-{units}" for units in configuration.hidden]
    return " ".join([*words, _LAST, *describe_options(configuration)])


def _block_word(block: Block) -> str:
    both = [block] if block.branch is None else [block, block.branch]
    border = "" if block.padded else "/valid"
    return "|".join(map(_core, both)) + border + _SKIP_WORDS[block.skip] + _REDUCTION_WORDS[block.reduction]


def _core(convolution: Convolution) -> str:
    operator = f"{_OPERATOR_WORDS[convolution.operator]}{convolution.squeeze or ''}"
    return f"{operator}-{convolution.kernel}x{convolution.channels}"


def parse(text: str) -> Configuration:
    """Returns the configuration of a text that `describe` or a person wrote.

    Args:
        text: The words of the network with white space between them.

    Raises:
        NetworkTextError: A word is unknown or stands in the wrong place, an option has no such value, or the network
            does not end with "dense".
    """
    everything = text.split()
    words = list(takewhile(lambda word: not is_option(word), everything))
    if not words or words[-1] != _LAST:
        last = words[-1] if words else ""
        raise NetworkTextError(
            f"the network ends with {last!r}, not with 'dense'",
            where="network",
            fix="The last layer gives the classes; options follow it.",
        )
    pools, at = _take(words, 0, _POOL)
    blocks, at = _take(words, at, _BLOCK)
    averages, at = _take(words, at, re.compile(_AVERAGE))
    hidden, at = _take(words, at, _HIDDEN)
    if at != len(words) - 1:
        raise _misplaced(words, at)
    if len(pools) > 1 or len(averages) > 1:
        raise wrong_word(words, len(pools) - 1 if len(pools) > 1 else at - len(hidden) - 1, "stands there twice")
    if averages and not blocks:
        raise wrong_word(words, len(pools), "averages feature maps, and no block makes any")
    return Configuration(
        input_pooling=int(pools[0][1]) if pools else 1,
        blocks=tuple(map(_block, blocks)),
        head="average" if averages else "flatten",
        hidden=tuple(int(match[1]) for match in hidden),
        **parse_options(everything, len(words)),
    )


def _take(words: Sequence[str], at: int, form: re.Pattern[str]) -> tuple[list[re.Match[str]], int]:
    """Returns the matches of the words from `at` on that have a form, and the index of the word after them."""
    matches: list[re.Match[str]] = []
    while at < len(words) and (match := form.fullmatch(words[at])):
        matches.append(match)
        at += 1
    return matches, at


def _block(match: re.Match[str]) -> Block:
    first, second, (border, skip, reduction) = match.groups()[:3], match.groups()[3:6], match.groups()[6:]
    branch = _record(*second) if second[0] else None
    steps = {"padded": border is None, "skip": _SKIPS[skip or ""], "reduction": _REDUCTIONS[reduction or ""]}
    return Block.model_validate(_record(*first) | steps | {"branch": branch})


def _record(operator: str, kernel: str, channels: str) -> dict[str, object]:
    stem, squeeze = operator.rstrip("0123456789"), operator.removeprefix("down")
    return {
        "operator": _OPERATORS[stem],
        "kernel": int(kernel),
        "channels": int(channels),
        "squeeze": int(squeeze) if stem == "down" else None,
    }


def _misplaced(words: Sequence[str], at: int) -> NetworkTextError:
    """Returns the error for a word that is unknown, or known but in the wrong place."""
    word = words[at]
    if word == _LAST or any(form.fullmatch(word) for form in (_POOL, _BLOCK, _HIDDEN, re.compile(_AVERAGE))):
        order = "The order is: poolN, blocks, avg, dense-N, dense."
        return wrong_word(words, at, f"cannot stand after {words[at - 1]!r}", order)
    stem = re.split(r"[-/|]", word)[0]
    near = "" if stem in _STEMS else suggestion(stem, _STEMS)
    return wrong_word(words, at, "is unknown", f"Known are {_FORMS}.{near}")
