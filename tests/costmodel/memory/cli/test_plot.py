"""The picture of a plan."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from matplotlib.figure import Figure

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.memory import plan_memory
from sparse_mcu.costmodel.memory.cli.map import keys_of
from sparse_mcu.costmodel.memory.cli.plot import plot_plan
from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Step
from sparse_mcu.costmodel.memory.model.stream import RowWindow, Stream
from sparse_mcu.costmodel.memory.planning.explain import placed


def texts_of(path: Path) -> list[str]:
    return [text for text in map(str.strip, ET.fromstring(path.read_text()).itertext()) if text]  # noqa: S314 - our own


STEPS = (Step("first", ("in",), ("mid$x$",), 0, {"in": 4}), Step("second", ("mid$x$",), ("out",)))
PROBLEM = MemoryProblem({"in": 16, "mid$x$": 12, "out": 4}, STEPS, ("in",), ("out",))
PLAN = plan_memory(PROBLEM)


def test_svg_names_buffers_and_steps_and_repeats_byte_for_byte(tmp_path: Path) -> None:
    one, other = tmp_path / "one.svg", tmp_path / "other.svg"
    plot_plan(PLAN, one)
    plot_plan(PLAN, other)
    text = "".join(ET.fromstring(one.read_text()).itertext())  # noqa: S314 - our own file
    for word in ("in", "mid$x$", "out", "first", "second", f"arena {PLAN.arena_bytes} bytes", "peak: "):
        assert word in text
    assert "<pattern" in one.read_text()
    assert one.read_bytes() == other.read_bytes()


def test_letters_are_those_of_the_map_and_the_list_has_every_size(tmp_path: Path) -> None:
    plot_plan(PLAN, tmp_path / "plan.svg", title="two steps")
    texts = texts_of(tmp_path / "plan.svg")
    keys = keys_of(placed(PLAN.buffers, PLAN.offsets))
    for buffer in PLAN.buffers:
        line = [keys[buffer.name], buffer.name, str(buffer.size_bytes)]
        assert line in [texts[at : at + 3] for at in range(len(texts))]
    assert texts[texts.index("two steps") + 1].startswith("arena ")


def test_a_stream_shows_the_rows_that_it_holds(tmp_path: Path) -> None:
    """Three rows of 8 bytes, one below the other, the stream as wide as other steps together."""
    windows = (RowWindow("x", 0, 3, 1, 0, 4, 0, 0, 2), RowWindow("y", 16, 1, 1, 0, 4, 0, 0, 2))
    stream = Stream("first", windows, (), 1, 1, ("in",), "mid$x$", 24, (), 0)
    plan = plan_memory(
        MemoryProblem(PROBLEM.sizes_bytes, (replace(STEPS[0], scratch_bytes=24), STEPS[1]), ("in",), ("out",))
    )
    plot_plan(replace(plan, streams={"first": stream}), tmp_path / "plan.svg")
    texts = texts_of(tmp_path / "plan.svg")
    key = keys_of(placed(plan.buffers, plan.offsets))["first.scratch"]
    at = texts.index("stream of 0, working memory")
    assert texts[at - 1 : at + 8] == [
        key, "stream of 0, working memory", "24",
        f"{key}1", "3 rows of x", "24",
        f"{key}2", "1 row of y", "8",
    ]  # fmt: skip
    assert "stream of 0  0" in texts


@pytest.mark.parametrize("steps", [1, 12, 60])
def test_labels_lie_within_the_picture_and_apart(tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As matplotlib measures them: no label of a box or step touches another of its kind."""
    chain = tuple(Step(f"operator_{i}", (f"t{i}",), (f"t{i + 1}",), 8 * (i % 3), {f"t{i}": 4}) for i in range(steps))
    sizes = {f"t{i}": 400 * (1 + i % 5) for i in range(steps + 1)}
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - matplotlib's own signature
        figures.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    plot_plan(plan_memory(MemoryProblem(sizes, chain, ("t0",), (f"t{steps}",))), tmp_path / "plan.png")
    (figure,) = figures
    axes, beside = figure.axes
    boxes = [text for text in axes.texts if not text.get_text().startswith("peak")]
    names = [text for text in axes.get_xticklabels() if text.get_text()]
    assert names
    for texts in (boxes, names, [*beside.texts]):
        extents = [text.get_window_extent() for text in texts]
        assert all(figure.bbox.x0 <= each.x0 and each.x1 <= figure.bbox.x1 for each in extents)
        assert not any(one.overlaps(other) for one, other in combinations(extents, 2))


def test_png(tmp_path: Path) -> None:
    plot_plan(PLAN, tmp_path / "plan.png", title="two steps")
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_to_draw_is_drawn(tmp_path: Path) -> None:
    plot_plan(plan_memory(MemoryProblem({}, (), (), ())), tmp_path / "empty.svg")
    assert (tmp_path / "empty.svg").stat().st_size


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SparseMcuError, match=r"Use \.svg or \.png"):
        plot_plan(PLAN, tmp_path / "plan.pdf")
