"""Writes and reads the text form of a configuration: one line of words.

docs/search.md contains the grammar in the section "The text form".
"""

import re
from collections.abc import Sequence

from sparse_mcu.costmodel.errors import SparseMcuError, suggestion
from sparse_mcu.search.space.configuration import OPERATORS, REDUCTIONS, SQUEEZES, Block, Configuration

_OPERATORS = dict(zip(("conv", "sep", "down"), OPERATORS, strict=True))
_REDUCTIONS = dict(zip(("", "/max", "/2"), REDUCTIONS, strict=True))
_OPERATOR_WORDS = {operator: word for word, operator in _OPERATORS.items()}
_REDUCTION_WORDS = {reduction: word for word, reduction in _REDUCTIONS.items()}

_NUMBER = r"([1-9]\d{0,5})"
_POOL = re.compile(rf"pool{_NUMBER}")
_BLOCK = re.compile(rf"(conv|sep|down(?:{'|'.join(map(str, SQUEEZES))}))-{_NUMBER}x{_NUMBER}(/valid)?(/max|/2)?")
_HIDDEN = re.compile(rf"dense-{_NUMBER}")
_AVERAGE, _LAST = "avg", "dense"
_STEMS = ("pool", "conv", "sep", *(f"down{squeeze}" for squeeze in SQUEEZES), _AVERAGE, _LAST)
_FORMS = (
    "poolN, conv-KxC, sep-KxC, down2-KxC or down4-KxC (then /valid, /max or /2), avg, dense-N, and dense at the end"
)


class NetworkTextError(SparseMcuError):
    """The text of a network is unreadable. The message names the word and what may stand in its place."""


def describe(configuration: Configuration) -> str:
    """Returns a configuration as one line, which `parse` reads back.

    For example, "pool2 conv-3x8/max sep-5x16/valid avg dense-32 dense" averages squares of 2x2 pixels. Then come a
    padded 3x3 convolution to 8 channels with max pooling, a separable 5x5 convolution to 16 channels without a border,
    the mean of each channel, a hidden dense layer of 32 units, and the logits.

    Args:
        configuration: Any configuration.
    """
    words = [f"pool{configuration.input_pooling}"] if configuration.input_pooling > 1 else []
    words += map(_block_word, configuration.blocks)
    words += [_AVERAGE] if configuration.head == "average" else []
    return " ".join([*words, *(f"dense-{units}" for units in configuration.hidden), _LAST])


def _block_word(block: Block) -> str:
    border = "" if block.padded else "/valid"
    operator = f"{_OPERATOR_WORDS[block.operator]}{block.squeeze or ''}"
    return f"{operator}-{block.kernel}x{block.channels}{border}{_REDUCTION_WORDS[block.reduction]}"


def parse(text: str) -> Configuration:
    """Returns the configuration of a text that `describe` or a person wrote.

    Args:
        text: The words of the network with white space between them.

    Raises:
        NetworkTextError: A word is unknown or stands in the wrong place, or the text does not end with "dense".
    """
    words = text.split()
    if not words or words[-1] != _LAST:
        last = words[-1] if words else ""
        raise NetworkTextError(
            f"the text ends with {last!r}, not with 'dense'", where="network", fix="The last layer gives the classes."
        )
    pools, at = _take(words, 0, _POOL)
    blocks, at = _take(words, at, _BLOCK)
    averages, at = _take(words, at, re.compile(_AVERAGE))
    hidden, at = _take(words, at, _HIDDEN)
    if at != len(words) - 1:
        raise _misplaced(words, at)
    if len(pools) > 1 or len(averages) > 1:
        raise _wrong(words, len(pools) - 1 if len(pools) > 1 else at - len(hidden) - 1, "stands there twice")
    if averages and not blocks:
        raise _wrong(words, len(pools), "averages feature maps, and no block makes any")
    return Configuration(
        input_pooling=int(pools[0][1]) if pools else 1,
        blocks=tuple(map(_block, blocks)),
        head="average" if averages else "flatten",
        hidden=tuple(int(match[1]) for match in hidden),
    )


def _take(words: Sequence[str], at: int, form: re.Pattern[str]) -> tuple[list[re.Match[str]], int]:
    """Returns the matches of the words from `at` on that have a form, and the index of the word after them."""
    matches: list[re.Match[str]] = []
    while at < len(words) and (match := form.fullmatch(words[at])):
        matches.append(match)
        at += 1
    return matches, at


def _block(match: re.Match[str]) -> Block:
    operator, kernel, channels, border, reduction = match.groups()
    stem, squeeze = operator.rstrip("0123456789"), operator.removeprefix("down")
    record = {"operator": _OPERATORS[stem], "squeeze": int(squeeze) if stem == "down" else None}
    sizes = {"kernel": int(kernel), "channels": int(channels), "padded": border is None}
    return Block.model_validate(record | sizes | {"reduction": _REDUCTIONS[reduction or ""]})


def _misplaced(words: Sequence[str], at: int) -> NetworkTextError:
    """Returns the error for a word that is unknown, or known but in the wrong place."""
    word = words[at]
    if word == _LAST or any(form.fullmatch(word) for form in (_POOL, _BLOCK, _HIDDEN, re.compile(_AVERAGE))):
        order = "The order is: poolN, blocks, avg, dense-N, dense."
        return _wrong(words, at, f"cannot stand after {words[at - 1]!r}", order)
    stem = re.split(r"[-/]", word)[0]
    near = "" if stem in _STEMS else suggestion(stem, _STEMS)
    return _wrong(words, at, "is unknown", f"Known are {_FORMS}.{near}")


def _wrong(words: Sequence[str], at: int, what: str, fix: str = "") -> NetworkTextError:
    return NetworkTextError(f"word {at + 1}, {words[at]!r}, {what}", where="network", fix=fix)
