"""The arena's drawing shows what is where, when, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.memory import plan_memory
from sparse_mcu.costmodel.memory.cli.map import keys_of, memory_map
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan, MemoryProblem, Step
from sparse_mcu.costmodel.report import PlacedBuffer

AXIS = 2


def placed(plan: MemoryPlan) -> list[PlacedBuffer]:
    return [
        PlacedBuffer(
            buffer=b.name, offset_bytes=plan.offsets[b.name], size_bytes=b.size_bytes, start=b.start, end=b.end
        )
        for b in plan.buffers
    ]


def cells(drawing: str) -> list[str]:
    """Rows of the drawing, the lowest first."""
    return [line.split("┤", 1)[1] for line in drawing.splitlines() if "┤" in line][::-1]


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_row_a_byte_and_two_columns_a_step_show_every_byte(
    data: st.DataObject, overlapping_problems: st.SearchStrategy[MemoryProblem]
) -> None:
    plan = plan_memory(data.draw(overlapping_problems))
    buffers, steps = placed(plan), max(len(plan.schedule), 1)
    width = len(f"{plan.arena_bytes:,}") + AXIS + 2 * steps
    drawing = memory_map(buffers, plan.arena_bytes, steps, width=width, rows=max(plan.arena_bytes, 1)).plain
    keys = keys_of(buffers)
    for address, row in enumerate(cells(drawing)):
        for step in range(steps):
            live = [
                each
                for each in sorted(buffers, key=lambda each: (each.start, each.end))
                if each.start <= step < each.end and each.offset_bytes <= address < each.offset_bytes + each.size_bytes
            ]
            shown = row[2 * step : 2 * step + 2]
            if len(live) <= 2:
                assert shown == (keys[live[0].buffer] + keys[live[-1].buffer] if live else "  ")


def buffer(name: str, offset: int, size: int, start: int, end: int) -> PlacedBuffer:
    return PlacedBuffer(buffer=name, offset_bytes=offset, size_bytes=size, start=start, end=end)


def test_a_small_drawing_is_as_written() -> None:
    buffers = [buffer("in", 4, 8, 0, 2), buffer("out", 0, 8, 1, 3), buffer("w", 8, 4, 2, 3)]
    assert memory_map(buffers, 12, 3, 1, width=11, rows=3).plain.splitlines() == [
        "12 ┤aaaacc",
        " 8 ┤aaabbb",
        " 4 ┤  bbbb",
        " 0 └──────",
        "    0 1 2",
        "      ^ peak",
    ]


def test_one_column_a_step_shows_what_the_step_leaves() -> None:
    buffers = [buffer("in", 0, 8, 0, 2), buffer("out", 0, 8, 1, 3)]
    assert cells(memory_map(buffers, 8, 3, width=6, rows=2).plain) == ["abb"] * 2


@pytest.mark.parametrize("steps", [1, 10, 61, 300])
@pytest.mark.parametrize("width", [20, 80, 120])
def test_no_line_is_wider_than_the_terminal(steps: int, width: int) -> None:
    chain = tuple(Step(f"s{i}", (f"t{i}",), (f"t{i + 1}",)) for i in range(steps))
    sizes = {f"t{i}": 40000 + i % 3 for i in range(steps + 1)}
    plan = plan_memory(MemoryProblem(sizes, chain, ("t0",), (f"t{steps}",)))
    drawing = memory_map(placed(plan), plan.arena_bytes, steps, 0, width=width).plain
    assert max(len(row) for row in cells(drawing)) + len("80,000 ┤") <= width
    assert max(map(len, drawing.splitlines())) <= width + len(" peak")


def test_an_empty_arena_is_drawn() -> None:
    assert "└" in memory_map([], 0, 0, width=40).plain
