"""The command `plan`."""

import csv
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparse_mcu.benchmarks.random_graphs import random_graph
from sparse_mcu.costmodel.cli.root import CommandGroup
from sparse_mcu.costmodel.memory import plan_memory
from sparse_mcu.costmodel.memory.cli.commands import plan
from sparse_mcu.costmodel.memory.files.readers import graph_text, read_graph
from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Part, Step

GRAPH = {
    "sizes": {"x": 8, "a": 16, "b": 12, "y": 4},
    "ops": [
        {"name": "join", "ins": ["a", "b"], "outs": ["y"]},
        {"name": "left", "ins": ["x"], "outs": ["a"], "scratch": 8},
        {"type": "conv", "ins": ["x"], "outs": ["b"]},
    ],
    "inputs": ["x"],
    "outputs": ["y"],
}
SHARING = {
    "sizes": {"x": 16, "joint": 24, "y": 16},
    "parts": {"left": {"buffer": "joint", "at": 0, "size": 16}, "right": {"buffer": "joint", "at": 16, "size": 8}},
    "ops": [
        {"name": "a", "ins": ["x"], "outs": ["left"]},
        {"name": "b", "ins": ["left"], "outs": ["right"]},
        {"name": "c", "ins": ["left", "right"], "outs": ["y"], "distances": {"joint": -8}},
    ],
    "inputs": ["x"],
    "outputs": ["y"],
}
FAR = {"name": "c", "ins": ["left", "right"], "outs": ["y"], "distances": {"x": 0}}
BUFFERS = "id,lower,upper,size\nb1,0,3,4\nb2,3,9,4\nb3,0,9,4\nb4,9,21,4\nb5,0,21,4\n"


def run(*arguments: str | Path) -> Result:
    """Through the root group's error handling, as `sparse-mcu plan`."""
    group = CommandGroup("sparse-mcu")
    group.get_command = lambda _ctx, _name: plan  # type: ignore[method-assign] - entry points need an installation
    return CliRunner().invoke(group, ["plan", *map(str, arguments)])


@pytest.fixture
def buffers(tmp_path: Path) -> Path:
    path = tmp_path / "buffers.csv"
    path.write_text(BUFFERS.replace("\\\n", "\n"))
    return path


def test_buffers_as_json(buffers: Path) -> None:
    result = run(buffers, "--json", "-")
    record = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (record["height_bytes"], record["lower_bound_bytes"], record["proven"]) == (12, 12, True)
    assert record["seconds"] >= 0
    assert record["schedule"] is None
    assert [placed["buffer"] for placed in record["placement"]] == ["b1", "b2", "b3", "b4", "b5"]


def test_output_is_the_input_with_offsets(buffers: Path, tmp_path: Path) -> None:
    target = tmp_path / "placed.csv"
    assert run(buffers, "--capacity", 12, "--output", target).exit_code == 0
    rows = list(csv.DictReader(target.read_text().splitlines()))
    assert [[row[key] for key in ("id", "lower", "upper", "size")] for row in rows][1] == ["b2", "3", "9", "4"]
    assert all(0 <= int(row["offset"]) <= 8 for row in rows)


def test_a_capacity_out_of_reach_is_exit_code_1(buffers: Path) -> None:
    result = run(buffers, "--capacity", 11, "--json", "-")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["fits"] is False


def test_graph_with_operators_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(GRAPH))
    result = run(path, "--json", "-")
    record = json.loads(result.stdout)
    assert result.exit_code == 0
    assert record["schedule"] == ["left", "conv_2", "join"]
    assert (record["height_bytes"], record["peak_live_bytes"], record["peak_step"]) == (36, 36, "conv_2")


def test_time_and_memory_end_a_plan_with_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    path.write_text(graph_text(random_graph("small-world", 80, 0)))
    for limit in (("--time", "0"), ("--memory", "1")):
        result = run(path, *limit, "--json", "-")
        assert result.exit_code == 0
        record = json.loads(result.stdout)
        assert 0 < record["lower_bound_bytes"] < record["height_bytes"]
        assert not record["proven"]


def test_what_is_written_may_be_planned_again(buffers: Path, tmp_path: Path) -> None:
    target = tmp_path / "placed.csv"
    assert run(buffers, "--output", target).exit_code == 0
    assert json.loads(run(target, "--json", "-").stdout)["height_bytes"] == 12


def test_notes_of_published_instances_are_left_aside_and_op_is_type(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    operators = [*GRAPH["ops"][:2], {"op": "conv", "ins": ["x"], "outs": ["b"]}]
    path.write_text(json.dumps(GRAPH | {"ops": operators, "name": "n", "source": "s", "optimal_peak": 1, "states": 7}))
    assert json.loads(run(path, "--json", "-").stdout)["schedule"] == ["left", "conv_2", "join"]


def test_the_table_names_state_and_peak(tmp_path: Path, buffers: Path) -> None:
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(GRAPH))
    shown = run(path, "--capacity", "20").stdout
    assert "36 bytes (proven smallest)" in shown
    assert "16 bytes above 20 bytes" in shown
    assert "live at conv_2" in shown
    assert "12 bytes" in run(buffers).stdout


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("none.csv", None, "cannot be read: No such file"),
        ("a.csv", "", "columns [] lack"),
        ("a.csv", "id,lower,upper\na,0,1\n", "lack some of"),
        ("a.csv", "id,lower,upper,size\na,0,1,x\n", "a.csv:2: "),
        ("a.csv", "id,lower,upper,size\na,0,1\n", "a.csv:2: "),
        ("a.csv", "id,lower,upper,size\na,1,1,4\n", "the life is empty"),
        ("a.csv", "id,lower,upper,size\na,0,1,-4\n", "size is negative"),
        ("a.csv", f"id,lower,upper,size\na,0,1,{2**62}\n", "above a tebibyte"),
        ("a.json", json.dumps(GRAPH | {"sizes": {"x": True}}), "sizes.x"),
        ("a.json", json.dumps(GRAPH | {"ops": [{"ins": [], "outs": [], "scratch": 2**62}]}), "ops.0.scratch"),
        ("a.csv", "id,lower,upper,size\na,0,1,4\na,0,1,4\n", "the same id"),
        ("a.json", "{", "Invalid JSON"),
        ("a.json", "{}", "sizes: Field required"),
        ("a.json", json.dumps(GRAPH | {"sizes": {"x": -8}}), "sizes.x"),
        ("a.json", json.dumps(GRAPH | {"sizes": {"x": 8, "a": 16, "b": 12}}), "y: is without a size"),
        ("a.json", json.dumps(GRAPH | {"inputs": []}), "which no earlier step writes"),
        ("a.json", json.dumps(GRAPH | {"outputs": ["z"]}), "z: is without a size"),
        ("a.json", json.dumps(GRAPH | {"parts": {"x": {"buffer": "b"}}}), "parts.x.at: Field required"),
        (
            "a.json",
            json.dumps(GRAPH | {"parts": {"p": {"buffer": "y", "at": 0, "size": 4, "run": 2}}}),
            "parts.p: run 2",
        ),
        ("a.json", json.dumps(SHARING | {"ops": [*SHARING["ops"][:2], FAR]}), "c: may not overlap 'x'"),
        (
            "a.csv",
            "id,lower,upper,size,alignment\na,0,1,4,8\n",
            "'alignment'] are not understood. Leave all out but id",
        ),
        ("a.csv", "id,lower,upper,size,size\na,0,1,4,8\n", "are not understood"),
        ("a.csv", "id,lower,upper,size\na,0,1,4,8\n", "a.csv:2: "),
        (
            "a.json",
            json.dumps(GRAPH | {"sises": {}}),
            "sises: unknown key. Known here: sizes, ops, inputs, outputs, parts.",
        ),
        (
            "a.json",
            json.dumps(GRAPH | {"ops": [{"ins": ["x"], "outs": ["y"], "scrach": 8}]}),
            "ops.0.scrach: unknown key. Known here: ins, outs, name, type (or op), scratch, distances.",
        ),
        (
            "a.json",
            json.dumps(GRAPH | {"parts": {"p": {"buffer": "y", "at": 0, "size": 4, "offset": 2}}}),
            "parts.p.offset: unknown key. Known here: buffer, at, size, run, pitch, replaces.",
        ),
    ],
)
def test_a_bad_file_is_one_line_and_exit_code_2(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text.replace("\\\n", "\n"))
    result = run(path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_cycle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cycle.json"
    ops = [{"name": "p", "ins": ["x", "b"], "outs": ["a"]}, {"name": "q", "ins": ["a"], "outs": ["b"]}]
    path.write_text(json.dumps({"sizes": {"x": 1, "a": 1, "b": 1}, "ops": ops, "inputs": ["x"], "outputs": ["b"]}))
    result = run(path)
    assert result.exit_code == 2
    assert "remove the cycle" in result.stderr


def test_distances_and_parts_are_honoured(tmp_path: Path) -> None:
    """The output may begin 8 bytes above the joint buffer, so both end together."""
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(SHARING))
    record = json.loads(run(path, "--json", "-").stdout)
    assert (record["height_bytes"], record["proven"], record["fidelity"]) == (40, True, "analysed")
    placed = {each["buffer"]: each["offset_bytes"] for each in record["placement"]}
    assert placed["joint"] - placed["y"] >= -8
    without = SHARING | {"ops": [{**op, "distances": {}} for op in SHARING["ops"]]}
    path.write_text(json.dumps(without))
    assert json.loads(run(path, "--json", "-").stdout)["peak_live_bytes"] == 40


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_problem_that_is_written_is_read_as_it_was(
    data: st.DataObject, overlapping_problems: st.SearchStrategy[MemoryProblem], tmp_path: Path
) -> None:
    problem, path = data.draw(overlapping_problems), tmp_path / "problem.json"
    path.write_text(graph_text(problem))
    again = read_graph(path)
    assert {step.name: step for step in again.steps} == {step.name: step for step in problem.steps}
    assert (again.sizes_bytes, again.parts) == (problem.sizes_bytes, problem.parts)
    assert (again.inputs, again.outputs) == (problem.inputs, problem.outputs)
    assert plan_memory(again).arena_bytes == plan_memory(problem).arena_bytes


def test_parts_at_a_pitch_and_in_each_others_place_come_through(tmp_path: Path) -> None:
    parts = {name: Part("joint", at, 8, 2, 4) for name, at in (("p", 0), ("q", 2), ("r", 2))}
    steps = (Step("a", ("x",), ("p",)), Step("b", ("x",), ("q",)), Step("c", ("q",), ("r",)))
    problem = MemoryProblem({"x": 4, "joint": 16}, steps, ("x",), ("p", "r"), {}, parts, {"r": "q"})
    path = tmp_path / "problem.json"
    path.write_text(graph_text(problem))
    again = read_graph(path)
    assert (again.parts, again.replaced) == (parts, problem.replaced)
    assert plan_memory(again).arena_bytes == 20


@pytest.mark.parametrize("text", ["[/bold]", "[link=x]y[/link]"])
def test_names_are_no_markup(tmp_path: Path, text: str) -> None:
    path = tmp_path / "buffers.csv"
    path.write_text(f"id,lower,upper,size\n{text},0,3,4\n")
    shown = run(path)
    assert shown.exit_code == 0
    assert text in shown.stdout


def test_the_example_of_the_docs_is_planned(tmp_path: Path) -> None:
    """Without its distance the output would need bytes of its own beside the wide buffer."""
    text = (Path(__file__).parents[4] / "docs" / "memory.md").read_text(encoding="utf-8")
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert example is not None
    path = tmp_path / "example.json"
    path.write_text(example[1])
    record = json.loads(run(path, "--json", "-").stdout)
    assert (record["height_bytes"], record["proven"]) == (336, True)
    graph = json.loads(example[1])
    del graph["ops"][1]["distances"]
    path.write_text(json.dumps(graph))
    assert json.loads(run(path, "--json", "-").stdout)["height_bytes"] == 352
