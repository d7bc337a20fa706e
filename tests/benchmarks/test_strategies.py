"""The comparison of strategies: studies run on a table and are kept, and the verdict says who is ahead."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from sparse_mcu.benchmarks import strategies, studies
from sparse_mcu.benchmarks.strategies import compare, contenders_of
from sparse_mcu.benchmarks.studies import ABLATIONS, Contender, KeptRuns, Run, Setting, run_study, true_volumes
from sparse_mcu.benchmarks.tabular import problem
from sparse_mcu.benchmarks.tabular.problem import tabular_task
from sparse_mcu.benchmarks.tabular.rows import Row
from sparse_mcu.benchmarks.tabular.table import write_table
from sparse_mcu.benchmarks.tabular.task import TabularTask
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.strategies.names import NAMES
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.strategies.registry import make_strategy
from sparse_mcu.search.study.trial import Proposal, Trial

OBJECTIVES = ("error", "ram_bytes", "flash_bytes")
RANDOM = Contender(name="random", strategy="random")
SETTING = Setting(
    table="digits", rows=1, board="microbit", objectives=OBJECTIVES, limits=strategies.LIMITS, checkpoints=(2, 4)
)


pytestmark = pytest.mark.usefixtures("made_up_table")


@pytest.fixture(scope="module")
def made_up_table(rows: list[Row], small_models: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:  # noqa: ARG001
    """A table of rows that nobody trained, in place of that of digits."""
    path = tmp_path_factory.mktemp("table") / "digits.csv.xz"
    write_table(path, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problem, "table_path", lambda _: path)
        yield


@pytest.fixture(scope="module")
def task(made_up_table: None) -> TabularTask:  # noqa: ARG001
    return tabular_task("digits", Bounds(strategies.LIMITS), None)[0]


def test_a_study_reports_what_it_reached(task: TabularTask) -> None:
    run = run_study(RANDOM, SETTING, task, 0)
    assert (run.trials, run.stopped, run.beyond_limits) == (4, 0, 0)
    assert 0 < run.volumes[0] <= run.volumes[1]
    assert run.useful_volumes[1] < run.volumes[1]
    free = RANDOM.model_copy(update={"parameters": {"filtered": "no"}})
    assert run_study(free, SETTING, task, 0).beyond_limits > 0


def test_the_volume_is_that_of_errors_without_noise_within_the_limits(task: TabularTask) -> None:
    def trial(text: str) -> Trial:
        proposal = Proposal(configuration=parse(text))
        return Trial(number=0, result=task(proposal, 0), **dict(proposal))

    small, large = trial("conv-3x4/max dense"), trial("conv-3x40 conv-3x40 dense")
    alone = true_volumes([small], OBJECTIVES, task)
    assert alone[0] > alone[1]
    assert true_volumes([small, large], OBJECTIVES, task) == alone
    assert true_volumes([large], OBJECTIVES, task) == (0.0, 0.0)


def test_finished_studies_are_kept(task: TabularTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = KeptRuns(task, tmp_path / "runs").run(RANDOM, SETTING, 3)
    with (tmp_path / "runs").open("a", encoding="utf-8") as file:
        file.write('{"contender"')
    monkeypatch.setattr(studies, "run_study", lambda *_: pytest.fail("it is run again"))
    kept = KeptRuns(task, tmp_path / "runs")
    assert kept.run(RANDOM, SETTING, 3) == first
    assert kept.run(RANDOM.model_copy(update={"name": "other"}), SETTING, 3).contender.name == "other"


def made(name: str, gain: float) -> list[Run]:
    return [
        Run(
            contender=Contender(name=name, strategy="random"),
            setting=SETTING,
            seed=seed,
            volumes=(0.0, 1 + gain + seed / 10),
            useful_volumes=(0.0, 1 - gain),
            trials=1,
            stopped=0,
            beyond_limits=0,
            seconds=0.0,
        )
        for seed in range(6)
    ]


def test_the_verdict_says_who_is_ahead() -> None:
    runs = [*made("a", 0.5), *made("b", 0.0), *made("c", 0.1)]
    first, second = compare(SETTING, runs, [("a", "b"), ("a", "c")]).verdicts
    assert first.contender == "b"
    assert first.volume == pytest.approx(1.25)
    assert first.p == pytest.approx(2 * 2**-6)
    assert second.p == pytest.approx(2 * 2**-6)
    assert first.useful_p == second.useful_p == 1.0


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_is_a_parameter_of_its_strategy(name: str, task: TabularTask) -> None:
    kind, parameters = ABLATIONS[name]
    known = Problem(space=task.surrogate.space)
    assert make_strategy(kind, known, parameters) != make_strategy(kind, known)


def test_contenders_and_their_pairs() -> None:
    _, pairs = contenders_of("strategies", NAMES)
    assert pairs == [(NAMES[0], name) for name in NAMES[1:]]
    contenders, pairs = contenders_of("unfiltered", ["exact", "random"])
    assert contenders[1].parameters == {"filtered": "no"}
    assert pairs == [("exact", "random, unfiltered")]
    contenders, pairs = contenders_of("ablation", ["sparse"])
    assert contenders[0].name == "sparse"
    assert all(first == "sparse" for first, _ in pairs)
    assert len(pairs) == sum(kind == "sparse" for kind, _ in ABLATIONS.values())


def test_the_command_prints_tables_and_json(tmp_path: Path) -> None:
    arguments = ["--dataset", "digits", "--strategy", "random", "--strategy", "evolution", "--trials", "3"]
    folder = ["--folder", str(tmp_path / "kept"), "--json", str(tmp_path / "json")]
    result = CliRunner().invoke(strategies.main, [*arguments, "--seeds", "2", *folder])
    assert result.exit_code == 0, result.output
    assert result.output.count("evolution") >= 2
    read = json.loads((tmp_path / "json").read_text(encoding="utf-8"))
    assert len(read["runs"]) == 4
    assert read["verdicts"][0]["p"] is None
