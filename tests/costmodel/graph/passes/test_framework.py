"""Passes run until none has work left, at most so often, and say what they did."""

import logging
from dataclasses import replace

import pytest

from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.graph.passes import PADDING, PASSES, Pass, settle
from sparse_mcu.costmodel.graph.passes.framework import MAX_ROUNDS

EMPTY = Graph("start", "", {}, (), (), ())


def longer(graph: Graph) -> Graph:
    """The graph with a longer name."""
    return replace(graph, name=f"{graph.name}a")


def test_a_pass_without_work_returns_the_same_graph() -> None:
    assert Pass(longer, lambda _: True)(EMPTY) is EMPTY


def test_passes_make_work_for_one_another_until_all_are_content() -> None:
    to_even = Pass(longer, lambda graph: len(graph.name) % 2 == 0)
    to_ten = Pass(longer, lambda graph: len(graph.name) >= 9)
    assert settle(EMPTY, [to_ten, to_even]).name == "startaaaaa"


def test_passes_that_never_agree_end(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="sparse_mcu"):
        settled = settle(EMPTY, [Pass(longer, lambda _: False)])
    assert len(settled.name) == len(EMPTY.name) + MAX_ROUNDS
    assert "still had work" in caplog.messages[-1]


def test_each_rewriting_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="sparse_mcu"):
        settle(EMPTY, [Pass(longer, lambda graph: graph.name != "start")])
    assert caplog.messages == ["start: longer: 0 operators become 0"]


def test_every_pass_is_listed_once() -> None:
    names = [each.name for each in PASSES]
    assert len(set(names)) == len(names)
    assert PADDING in PASSES
