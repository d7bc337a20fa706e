"""Writes and reads the options of a configuration: the words of its text form that follow the network.

docs/search.md contains the grammar in the section "The text form".
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from pydantic import ValidationError

from sparse_mcu.costmodel.errors import suggestion
from sparse_mcu.search.space.configuration import PRUNING_KINDS, Configuration, LeverChoice, Pruning
from sparse_mcu.search.space.text_error import wrong_word

_NUMBER = re.compile(r"\d{1,17}(\.\d{1,20})?(e[-+]?\d{1,3})?")
_SWITCHES: Final = {"pools": "fused_pools", "streams": "streaming"}
_FACTOR = "recompute"


class _ValueError(Exception):
    """An option has no such value. The arguments are what is wrong, and what the user can write instead."""


def is_option(word: str) -> bool:
    """Returns whether a word is an option, known or not."""
    return "=" in word


def describe_options(configuration: Configuration) -> list[str]:
    """Returns the words for the options that differ from their defaults.

    Args:
        configuration: Any configuration.
    """
    words, pruning, levers = [], configuration.pruning, configuration.levers
    if pruning is not None:
        words.append(f"prune={pruning.kind}:{_number_word(pruning.strength)}")
    if configuration.augmentation is not None:
        words.append(f"augment={_number_word(configuration.augmentation)}")
    chosen = [word for word, field in _SWITCHES.items() if getattr(levers, field)]
    chosen += [f"{_FACTOR}{_number_word(levers.max_recompute)}"] if levers.max_recompute > 1 else []
    return [*words, f"levers={','.join(chosen)}"] if chosen else words


def parse_options(words: Sequence[str], first: int) -> dict[str, Any]:
    """Returns the fields of a configuration that the options give.

    Args:
        words: All words of the text.
        first: The index of the first option.

    Raises:
        NetworkTextError: A word is no option, stands there twice or in the wrong place, or has no such value.
    """
    fields: dict[str, Any] = {}
    last = -1
    for at in range(first, len(words)):
        name, is_there, text = words[at].partition("=")
        if name not in _OPTIONS:
            what = "is no option" if is_there else "cannot stand after an option"
            order = (
                "The network comes first, then prune=KIND:STRENGTH, augment=STRENGTH and levers=LEVER,..., in order."
            )
            raise wrong_word(words, at, what, order + suggestion(name, _OPTIONS))
        place = [*_OPTIONS].index(name)
        if place <= last:
            raise wrong_word(
                words, at, "stands there twice" if place == last else f"cannot stand after {words[at - 1]!r}",
                f"The order is: {', '.join(f'{each}=' for each in _OPTIONS)}.",
            )  # fmt: skip
        last = place
        try:
            field, read = _OPTIONS[name]
            fields[field] = read(text)
        except _ValueError as problem:
            raise wrong_word(words, at, *problem.args) from None
    return fields


def _number_word(value: float) -> str:
    """Returns the shortest text that `_number` reads back as the same value."""
    return repr(value).removesuffix(".0")


def _number(text: str, what: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise _ValueError(f"has no number as its {what}, but {text!r}", "Write one such as 0.5.")
    return float(text)


def _pruning(text: str) -> Pruning:
    kind, _, strength = text.partition(":")
    if kind not in PRUNING_KINDS:
        known = ", ".join(PRUNING_KINDS)
        raise _ValueError(f"names no kind of pruning: {kind!r}", f"Known are {known}.{suggestion(kind, PRUNING_KINDS)}")
    value = _number(strength, "strength")
    try:
        return Pruning.model_validate({"kind": kind, "strength": value})
    except ValidationError:
        bounds = "above 0 and below 1" if kind == "magnitude" else "a number above 0"
        raise _ValueError(f"has a strength of {strength}", f"The strength of {kind} is {bounds}.") from None


def _augmentation(text: str) -> float:
    value = _number(text, "strength")
    if value == float("inf"):
        raise _ValueError("is too large", "Write a number such as 0.5.")
    return value


def _levers(text: str) -> LeverChoice:
    fields: dict[str, Any] = {}
    for word in text.split(","):
        value: bool | float = True
        if word in _SWITCHES:
            field = _SWITCHES[word]
        elif word.startswith(_FACTOR):
            field, value = "max_recompute", _number(word.removeprefix(_FACTOR), "factor of recompute")
        else:
            known = (*_SWITCHES, _FACTOR)
            fix = f"Known are {', '.join(_SWITCHES)} and {_FACTOR}FACTOR, such as {_FACTOR}1.5."
            raise _ValueError(f"names no lever: {word!r}", fix + suggestion(word, known))
        if field in fields:
            raise _ValueError(f"names {word!r} twice", "Name each lever once.")
        fields[field] = value
    fields["streaming"] = "streaming" in fields or "max_recompute" in fields
    try:
        return LeverChoice.model_validate(fields)
    except ValidationError:
        raise _ValueError("has a factor below 1", f"Write {_FACTOR}1.5, for example.") from None


_OPTIONS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "prune": ("pruning", _pruning),
    "augment": ("augmentation", _augmentation),
    "levers": ("levers", _levers),
}
"""The field and the reader of each option, in their order."""
