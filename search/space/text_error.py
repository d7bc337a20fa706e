"""Defines the error for the text form of a network."""

from collections.abc import Sequence

from sparse_mcu.costmodel.errors import SparseMcuError


class NetworkTextError(SparseMcuError):
    """The text of a network is unreadable. The message names the word and what may stand in its place."""


def wrong_word(words: Sequence[str], at: int, what: str, fix: str = "") -> NetworkTextError:
    """Returns the error for one word of a text.

    Args:
        words: All words of the text.
        at: The index of the wrong word.
        what: What is wrong with it. The word stands before it.
        fix: What the user can write instead.
    """
    return NetworkTextError(f"word {at + 1}, {words[at]!r}, {what}", where="network", fix=fix)
