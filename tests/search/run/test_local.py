"""Trials in processes of this machine: their results and files are those of one process."""

from pathlib import Path

import pytest

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.search.evaluation.result import Artifacts, Result, Success
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.run.assignment import Assignment
from sparse_mcu.search.run.local import Setup, crew_of
from sparse_mcu.search.space.description import parse
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import DEFAULTS


@pytest.mark.slow
@pytest.mark.parametrize("fine_tuning", [0, 1])
def test_processes_train_and_tune_as_one_alone_does(fine_tuning: int, tmp_path: Path) -> None:
    target = Target(load_board("microbit"))
    setup = Setup(
        data=DataRequest(name="digits"),
        recipe=Recipe(epochs=1),
        target=target,
        options=DEFAULTS,
        fine_tuning=fine_tuning,
    )
    asked = [Assignment(parse("dense-4 dense"), seed, tmp_path / str(seed)) for seed in (1, 2)]
    alone = Assignment(parse("dense-4 dense"), 2, tmp_path / "alone")
    for each in (*asked, alone):
        each.directory.mkdir()
    results: dict[int, Result] = {}
    crew_of(setup, 2)(asked, results.__setitem__)
    with target.tools() as tools:
        expected = alone.evaluated_by(setup.evaluator(digits.load(), tools))
    assert isinstance(expected, Success)
    assert results[1].model_copy(update={"seconds": {}}) == expected.model_copy(update={"seconds": {}})
    onnx = Artifacts().onnx
    files = [(folder / onnx).read_bytes() for folder in (asked[0].directory, asked[1].directory, alone.directory)]
    assert files[1] == files[2] != files[0]
