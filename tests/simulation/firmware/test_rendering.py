"""Names, arrays and indentation in generated C."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_mcu.simulation.firmware.rendering import (
    array_rows,
    c_identifier,
    comment_text,
    dimensions,
    float_literal,
    indented,
    plus,
)


@given(st.text())
def test_any_name_becomes_an_identifier(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]\w*", c_identifier(name), re.ASCII)
    assert len(c_identifier(name)) <= 24


def test_an_identifier_keeps_the_end_of_a_long_name() -> None:
    assert c_identifier("functional_1/" + "block/" * 20 + "Conv2D;bias") == "block_block_conv2d_bias"
    assert c_identifier("x" * 99) == "x" * 24
    assert c_identifier("//") == "unnamed"


@given(st.text())
def test_no_name_leaves_its_comment(name: str) -> None:
    text = comment_text(name)
    assert not re.search(r"[*\\?\n]", text)
    assert len(text) <= 96


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=99))
def test_arrays_keep_their_values(values: list[int]) -> None:
    text = " ".join(array_rows(np.array(values, np.int32))).replace("(-2147483647 - 1)", str(-(2**31)))
    assert [int(item) for item in text.rstrip(",").split(",")] == values


def test_unsigned_words_say_so() -> None:
    assert array_rows(np.array([1, 2**32 - 1], np.uint32)) == ["1u, 4294967295u,"]


def test_lines_of_arrays_are_short() -> None:
    assert max(map(len, array_rows(np.full(1000, -128, np.int8)))) <= 100


@pytest.mark.parametrize(("value", "text"), [(3, " + 3"), (-3, " - 3"), (0, "")])
def test_plus_continues_a_sum(value: int, text: str) -> None:
    assert plus(value) == text


def test_dimensions() -> None:
    assert dimensions((1, 28, 28, 3)) == "1x28x28x3"


def test_indentation_follows_braces() -> None:
    code = "/* a\n* b */\nvoid f(void)\n{\n\nif (x) {\ng();\n} else {\nh();\n}\n}\n"
    assert indented(code) == (
        "/* a\n * b */\nvoid f(void)\n{\n    if (x) {\n        g();\n    } else {\n        h();\n    }\n}\n"
    )


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "0.5f"), (1.0, "1.0f"), (1e-9, "9.99999972e-10f"), (0.05, "0.0500000007f")]
)
def test_floats_are_c_floats(value: float, text: str) -> None:
    assert float_literal(value) == text
