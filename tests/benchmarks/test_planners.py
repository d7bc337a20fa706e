"""The comparison of planners: whose placements are checked, what is counted, and how a rival is called."""

import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest
from above_load import above_load
from click.testing import CliRunner

from sparse_mcu.benchmarks import planners
from sparse_mcu.benchmarks.planners import (
    Answer,
    Instance,
    ablated,
    compare,
    cp_sat,
    greedy_by_size,
    main,
    minimalloc,
    ours,
)
from sparse_mcu.costmodel.errors import DataFileError, PlanError
from sparse_mcu.costmodel.memory.model.plan import Buffer
from sparse_mcu.costmodel.memory.placement.params import PlacementParams

BUFFERS = (Buffer("a", 4, 0, 2), Buffer("b", 8, 1, 3), Buffer("c", 4, 2, 4))
INSTANCE = Instance("abc", BUFFERS, 12)
GRAPH = {
    "sizes": {"x": 4, "y": 8},
    "ops": [{"ins": ["x"], "outs": ["y"]}],
    "inputs": ["x"],
    "outputs": ["y"],
    "optimal_peak": 12,
}
RIVAL = r"""#!{python}
import csv, sys
options = dict(argument.lstrip("-").split("=") for argument in sys.argv[1:])
rows = list(csv.DictReader(open(options["input"], newline="")))
if int(options["capacity"]) < 12:
    sys.exit("{message}")
top = 0
with open(options["output"], "w") as stream:
    stream.write("id,lower,upper,size,offset\n")
    for row in rows:
        stream.write(",".join([*row.values(), str(top)]) + "\n")
        top += int(row["size"])
"""


def rival(folder: Path, message: str = "") -> Path:
    """A program called as MiniMalloc is, which stacks all buffers and gives up below 12 bytes."""
    program = folder / "rival"
    program.write_text(RIVAL.format(python=sys.executable, message=message))
    program.chmod(0o755)
    return program


def test_ours_and_greedy_are_what_they_claim() -> None:
    results = {
        r.solver: r for r in compare([INSTANCE], {"ours": ours, "greedy": greedy_by_size}, minimise=True, rounds=2)
    }
    assert (results["ours"].height_bytes, results["ours"].proven, results["ours"].fits) == (12, True, True)
    assert (results["greedy"].height_bytes, results["greedy"].proven) == (12, False)
    assert all(result.cpu_seconds >= 0 for result in results.values())


def test_greedy_goes_by_size() -> None:
    """The largest at the bottom, the smaller ones above it."""
    assert greedy_by_size(BUFFERS, 0, minimise=False).offsets == {"a": 8, "b": 0, "c": 8}


def test_a_placement_that_collides_is_refused() -> None:
    def liar(buffers: Sequence[Buffer], capacity: int, minimise: bool) -> Answer:
        return Answer(dict.fromkeys((buffer.name for buffer in buffers), 0), capacity * minimise)

    with pytest.raises(PlanError, match="shares bytes"):
        compare([INSTANCE], {"liar": liar}, minimise=False, rounds=1)


def test_a_rival_is_called_and_read(tmp_path: Path) -> None:
    answer = minimalloc(BUFFERS, 16, minimise=False, binary=rival(tmp_path), seconds=1)
    assert answer == Answer({"a": 0, "b": 4, "c": 12})


@pytest.mark.parametrize(
    ("message", "minimise", "bound"),
    [("NOT_FOUND: none", False, 12), ("NOT_FOUND: none", True, 0), ("DEADLINE_EXCEEDED: too late", False, 0)],
)
def test_a_rival_may_give_up(tmp_path: Path, message: str, minimise: bool, bound: int) -> None:
    answer = minimalloc(BUFFERS, 11, minimise=minimise, binary=rival(tmp_path, message), seconds=1)
    assert answer == Answer(None, bound)


def test_a_rival_that_breaks_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="rival"):
        minimalloc(BUFFERS, 11, minimise=False, binary=rival(tmp_path, "segmentation fault"), seconds=1)


def test_cp_sat_minimises_and_proves() -> None:
    assert cp_sat(BUFFERS, 16, minimise=True, seconds=10, workers=1).lower_bound_bytes == 12
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)  # Ctrl-C is Python's again
    assert cp_sat(BUFFERS, 11, minimise=False, seconds=10, workers=1) == Answer(None, 12)
    results = compare(
        [INSTANCE], {"CP-SAT": lambda b, c, m: cp_sat(b, c, m, seconds=10, workers=1)}, minimise=True, rounds=1
    )
    assert [(result.height_bytes, result.proven) for result in results] == [(12, True)]


def test_the_command_compares_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planners, "_has_ortools", lambda: False)
    (tmp_path / "minimalloc").mkdir()
    (tmp_path / "schedules").mkdir()
    rows = [f"{b.name},{b.start},{b.end},{b.size_bytes}" for b in BUFFERS]
    (tmp_path / "minimalloc" / "abc.12.csv").write_text("\n".join(["id,lower,upper,size", *rows]) + "\n")
    (tmp_path / "schedules" / "g.json").write_text(json.dumps(GRAPH))
    arguments = [str(tmp_path), "--minimalloc", str(rival(tmp_path)), "--json"]
    done = CliRunner().invoke(main, [*arguments, "-"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    heights = {result["solver"]: (result["height_bytes"], result["fits"]) for result in report["placements"]}
    assert heights == {"ours": (12, True), "greedy by size": (12, True), "MiniMalloc": (16, False)}
    assert [(o["peak_bytes"], o["lower_bound_bytes"], o["optimal_peak_bytes"]) for o in report["orders"]] == [(12,) * 3]
    shown = CliRunner().invoke(main, [*arguments, str(tmp_path / "report.json")])
    assert "1 of 1 fit" in " ".join(shown.output.split())
    assert json.loads((tmp_path / "report.json").read_text())["rounds"] == 1


def test_ablation_switches_each_idea_off_in_turn(tmp_path: Path) -> None:
    (tmp_path / "minimalloc").mkdir()
    rows = [f"{b.name},{b.start},{b.end},{b.size_bytes}" for b in BUFFERS]
    (tmp_path / "minimalloc" / "abc.12.csv").write_text("\n".join(["id,lower,upper,size", *rows]) + "\n")
    report_file = tmp_path / "report.json"
    shown = CliRunner().invoke(main, [str(tmp_path), "--ablate", "--minimise", "--json", str(report_file)])
    assert shown.exit_code == 0, shown.output
    results = json.loads(report_file.read_text())["placements"]
    names = ["all on", *(f"no {each.name}" for each in fields(PlacementParams))]
    assert [(each["solver"], each["height_bytes"], each["proven"]) for each in results] == [
        (name, 12, True) for name in names
    ]
    assert "1 of 1" in " ".join(shown.output.split())


def test_an_idea_that_is_off_is_not_used() -> None:
    buffers = above_load()
    solvers = ablated(1000)
    assert solvers["all on"](buffers, 9, minimise=True).lower_bound_bytes == 8
    assert solvers["no exact_search"](buffers, 9, minimise=True).lower_bound_bytes == 7


def test_a_folder_without_instances_is_refused(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, [str(tmp_path)]).exit_code == 2
