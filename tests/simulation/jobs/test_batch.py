"""Several models in one call of `simulate`: the numbers of each alone, and nothing lost by what goes wrong."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from caches import use_own_cache
from click.testing import CliRunner, Result

from sparse_mcu.benchmarks.networks import NETWORKS, write_network
from sparse_mcu.costmodel.cli import main
from sparse_mcu.costmodel.errors import ModelError
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.costmodel.report import BatchReport
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.jobs import batch
from sparse_mcu.simulation.jobs.batch import NOT_SIMULATED
from sparse_mcu.simulation.jobs.job import Job
from sparse_mcu.simulation.jobs.pool import Outcome, ProgressCallback, simulate_many

pytestmark = pytest.mark.xdist_group("processes")
OPTIONS = ("--board", "bluepill", "--toolchain", "zig")


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    """Two sound models."""
    return [write_network(name, tmp_path) for name in NETWORKS]


def simulate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["simulate", *(str(argument) for argument in arguments)])


def comparable(record: dict[str, object]) -> dict[str, object]:
    """All but the one figure that is of this machine."""
    return record | {"simulated_mips": 0}


def test_each_has_the_record_that_it_has_alone(models: list[Path]) -> None:
    options = (*OPTIONS, "--optimise", "flash", "--without", "overlap", "--json", "-")
    together = simulate(*models, "--jobs", 2, *options)
    assert together.exit_code == 0, together.output
    record = json.loads(together.stdout)
    assert BatchReport.model_validate(record).passes
    assert [result["file"] for result in record["results"]] == [str(model) for model in models]
    for model, result in zip(models, record["results"], strict=True):
        assert result["error"] is None
        assert comparable(result["report"]) == comparable(json.loads(simulate(model, *options).stdout))


def test_a_table_lists_all_and_a_bad_model_costs_itself_alone(models: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"garbage")
    record = tmp_path / "out.json"
    result = simulate(models[0], tmp_path / "bad.onnx", models[1], *OPTIONS, "--json", record)
    assert result.exit_code == 2
    assert "2 of 3 models on bluepill" in result.stdout
    assert result.stdout.count("fits") == 2
    assert "bad.onnx: not an ONNX model" in result.stderr
    errors = [each["error"] for each in json.loads(record.read_text())["results"]]
    assert [error is None for error in errors] == [True, False, True]
    assert "Traceback" not in result.output


def test_one_that_does_not_fit_fails_the_check(models: list[Path]) -> None:
    report = BatchReport.model_validate(json.loads(simulate(*models, *OPTIONS, "--json", "-").stdout))
    first = report.results[0].report
    assert first is not None
    too_large = report.results[0].model_copy(update={"report": first.model_copy(update={"fits": False})})
    failed = report.model_copy(update={"results": [too_large, report.results[1]]})
    assert (report.passes, failed.passes, failed.has_errors) == (True, False, False)


def test_ctrl_c_keeps_what_is_done(models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(jobs: Sequence[Job], *, workers: int | None, on_done: ProgressCallback) -> list[Outcome]:
        def stop(index: int, outcome: Outcome) -> None:
            on_done(index, outcome)
            raise KeyboardInterrupt

        return simulate_many(jobs, workers=workers, on_done=stop)

    monkeypatch.setattr(batch, "simulate_many", interrupted)
    record = tmp_path / "out.json"
    result = simulate(*models, models[0], "--jobs", 1, *OPTIONS, "--json", record)
    assert result.exit_code == 130
    assert "1 of 3 models were simulated" in result.stderr
    assert result.stdout.count("not simulated") == 2
    report = BatchReport.model_validate(json.loads(record.read_text()))
    assert report.interrupted
    assert [each.error for each in report.results] == [None, NOT_SIMULATED, NOT_SIMULATED]
    assert [each.report is None for each in report.results] == [False, True, True]


def test_each_keeps_its_firmware_in_its_own_folder(models: list[Path], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert simulate(*models, *OPTIONS, "--firmware", kept).exit_code == 0
    for model in models:
        assert {"model.c", "firmware.elf", "firmware.resc"} <= {path.name for path in (kept / model.stem).iterdir()}
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / models[0].name
    refused = simulate(models[0], twin, *OPTIONS, "--firmware", tmp_path / "none")
    assert refused.exit_code == 2
    assert "same file name" in refused.stderr
    assert not (tmp_path / "none").exists()


def test_without_cache_nothing_is_taken_or_kept(
    models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = use_own_cache(tmp_path / "cache", monkeypatch)
    stores = [cache / name for name in ("objects", "runs")]
    for options, kept in ((["--no-cache"], False), ([], True)):
        assert simulate(*models, *OPTIONS, *options).exit_code == 0
        assert [any(store.rglob("?" * 64)) for store in stores] == [kept, kept]
    foreign = [path for store in stores for path in store.rglob("?" * 64)]
    for path in foreign:
        path.write_bytes(b"")
    assert simulate(*models, *OPTIONS, "--no-cache").exit_code == 0
    assert [path.read_bytes() for path in foreign] == [b""] * len(foreign)


def test_every_model_is_simulated_as_the_options_say(models: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Job] = []

    def noted(jobs: Sequence[Job], **_: object) -> list[Outcome]:
        given.extend(jobs)
        return [ModelError("noted") for _ in jobs]

    monkeypatch.setattr(batch, "simulate_many", noted)
    simulate(*models, *OPTIONS, "--optimise", "speed", "--stream", "--no-cache", "--budget", "7")
    assert [job.model for job in given] == models
    assert {(job.options, job.target.is_cached, job.target.toolchain, job.budget_instructions) for job in given} == {
        (BuildOptions("speed", Levers(streaming=True)), False, "zig", 7)
    }
