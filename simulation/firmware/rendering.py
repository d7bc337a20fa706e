"""Turns names, arrays and templates into C text."""

import re
from functools import cache

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined

_NOT_IN_IDENTIFIERS = re.compile(r"[^a-z0-9]+")
_NOT_IN_COMMENTS = re.compile(r"[^A-Za-z0-9 _./:;,=()\[\]-]")
_IDENTIFIER_LENGTH = 24
_COMMENT_LENGTH = 96
_LINE_LENGTH = 100
_INT32_MIN = -(2**31)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PrefixLoader(
            {
                "templates": PackageLoader("sparse_mcu.simulation.firmware", "templates"),
                "kernels": PackageLoader("sparse_mcu.simulation.firmware", "kernels"),
            }
        ),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - the output is C, not HTML; names are reduced to safe characters below
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["comment"] = comment_text
    environment.filters["dims"] = dimensions
    environment.filters["float_literal"] = float_literal
    environment.filters["plus"] = plus
    return environment


def render(template: str, **values: object) -> str:
    """Returns the text of "templates/<name>" or "kernels/<name>", filled with `values`."""
    return _environment().get_template(template).render(**values)


def c_identifier(name: str) -> str:
    """Returns a lower-case C identifier made of the last words of a node's name. Two names may give the same one."""
    words = [word for word in _NOT_IN_IDENTIFIERS.split(name.lower()) if word]
    while len(words) > 1 and len("_".join(words)) > _IDENTIFIER_LENGTH:
        words.pop(0)
    return "_".join(words)[:_IDENTIFIER_LENGTH] or "unnamed"


def comment_text(text: str) -> str:
    """Replaces every character of a model's name that could do harm inside a C comment."""
    return _NOT_IN_COMMENTS.sub("_", text)[:_COMMENT_LENGTH]


def dimensions(shape: tuple[int, ...]) -> str:
    """Writes a shape as comments show it: 1x28x28x3."""
    return "x".join(map(str, shape))


def plus(value: int) -> str:
    """Returns the end of a C sum: " + 3", " - 3", or nothing for 0."""
    return f" {'+' if value > 0 else '-'} {abs(value)}" if value else ""


def integer_literal(value: int) -> str:
    """Returns a C literal of type int32_t. C has no literal for the smallest value, so that one is a sum."""
    return "(-2147483647 - 1)" if value == _INT32_MIN else str(value)


def float_literal(value: float) -> str:
    """Returns a C literal of type float. It is exact for values that float32 can hold."""
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if any(mark in text for mark in ".e") else f"{text}.0f"


def array_rows(values: npt.NDArray[np.generic]) -> list[str]:
    """Returns the elements of an array as lines of C initialisers."""
    suffix = "u" if values.dtype == np.uint32 else ""
    texts = [integer_literal(value) + suffix for value in values.ravel().tolist()]
    width = max(map(len, texts)) + 2
    per_line = max(1, 1 << ((_LINE_LENGTH // width).bit_length() - 1))
    return [", ".join(texts[start : start + per_line]) + "," for start in range(0, len(texts), per_line)]


def indented(code: str) -> str:
    """Indents every line of C code by its depth of braces, so that templates need not count spaces.

    Macros leave empty lines behind. They are removed.
    """
    depth, lines = 0, []
    for text in filter(None, map(str.strip, code.splitlines())):
        inside = depth - text.startswith("}")
        comment = " " if text.startswith("* ") else ""
        lines.append("    " * inside + comment + text)
        depth += text.count("{") - text.count("}")
    return "\n".join(lines) + "\n"
