"""The whole path in under ten seconds: data, candidates, training, int8, ONNX, plan, C, ELF, emulation, front."""

from pathlib import Path

import onnx
import pytest

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.search.cli import session
from sparse_mcu.search.cli.pictures import Pictures
from sparse_mcu.search.cli.session import Request, run_session
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.run.crews import Workers
from sparse_mcu.search.run.runner import Budget
from sparse_mcu.search.storage.place import place_of
from sparse_mcu.simulation.execution.target import Target


def test_from_a_candidate_to_its_place_on_the_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "recipe_for", lambda _: Recipe(epochs=2))
    request = Request(
        data=DataRequest(name="digits"), bounds=Bounds(), seed=0, target=Target(load_board("microbit"), "zig")
    )
    study = tmp_path / "tiny.study"
    how = (place_of(study), Budget(trials=2), Workers(), Pictures(tmp_path))
    report = run_session(request, *how)
    assert report.trials.complete == 2
    assert report.pareto
    for member in report.pareto:
        assert 0 <= member.objectives["error"].value < 0.9
        assert member.objectives["ram_bytes"].value > 64
        assert member.objectives["flash_bytes"].value > 500
        assert member.objectives["latency_ms"].value > 0
        onnx.checker.check_model(onnx.load(member.onnx))
    again = run_session(request, *how)
    assert again == report
    assert list(tmp_path.glob("*.png"))
