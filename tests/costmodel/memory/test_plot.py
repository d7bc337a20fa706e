"""The picture of a plan."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from costmodel.errors import SparseMcuError
from costmodel.memory import plan_memory
from costmodel.memory.plan import MemoryProblem, Step
from costmodel.memory.plot import plot_plan

STEPS = (Step("first", ("in",), ("mid$x$",), 0, {"in": 4}), Step("second", ("mid$x$",), ("out",)))
PLAN = plan_memory(MemoryProblem({"in": 16, "mid$x$": 12, "out": 4}, STEPS, ("in",), ("out",)))


def test_svg_names_buffers_and_steps_and_repeats_byte_for_byte(tmp_path: Path) -> None:
    one, other = tmp_path / "one.svg", tmp_path / "other.svg"
    plot_plan(PLAN, one)
    plot_plan(PLAN, other)
    text = "".join(ET.fromstring(one.read_text()).itertext())  # noqa: S314 - our own file
    for word in ("in", "mid$x$", "out", "first", "second", f"arena {PLAN.arena_bytes} bytes"):
        assert word in text
    assert "<pattern" in one.read_text()
    assert one.read_bytes() == other.read_bytes()


def test_png(tmp_path: Path) -> None:
    plot_plan(PLAN, tmp_path / "plan.png", title="two steps")
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_to_draw_is_drawn(tmp_path: Path) -> None:
    plot_plan(plan_memory(MemoryProblem({}, (), (), ())), tmp_path / "empty.svg")
    assert (tmp_path / "empty.svg").stat().st_size


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SparseMcuError, match=r"Use \.svg or \.png"):
        plot_plan(PLAN, tmp_path / "plan.pdf")
