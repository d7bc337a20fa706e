"""The front on the test images: whose error it is, where it is kept, and when it is computed again."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.search.data.dataset import Dataset, make_dataset
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.network.board_classes import board_classes
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.onnx_file import write_onnx
from sparse_mcu.search.network.stages.quantization import quantize
from sparse_mcu.search.results import held_out
from sparse_mcu.search.results.held_out import TEST_FILE, held_out_errors, standard_error
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.sqlite import Study
from sparse_mcu.search.study.trial import Trial

DENSE = Configuration(input_pooling=1, blocks=(), head="flatten", hidden=())

Member = tuple[Study, Trial, Success]


@pytest.fixture(scope="module")
def data() -> Dataset:
    return digits.load(None)


@pytest.fixture
def member(
    data: Dataset,
    space: Space,
    tmp_path: Path,
    make_settings: Callable[..., Settings],
    make_result: Callable[..., Success],
) -> Iterator[Member]:
    """A study of one untrained network."""
    network, trial = Network(build_architecture(DENSE, space.task)).eval(), Trial(number=0, configuration=DENSE)
    with Study.open(tmp_path / "a.study", make_settings()) as study:
        study.claim(trial)
        with study.workspace(trial) as folder:
            path = folder / "candidate.onnx"
            write_onnx(quantize(network, data.train.images[:64]), path, name="x")
            result = make_result(DENSE)
            model = result.model.model_copy(update={"sha256": load_graph(path).sha256})
            result = result.model_copy(update={"model": model})
            study.finish(trial, result)
        yield study, trial, result


def test_it_is_the_boards_error_on_the_test_part_alone(member: Member, data: Dataset) -> None:
    study, trial, result = member
    (found,) = held_out_errors(study, data, [(trial, result)]).values()
    graph = load_graph(study.folder(trial) / "candidate.onnx")
    assert found.value == np.mean(board_classes(graph, data.test.images) != data.test.labels)
    assert (found.images, found.fidelity) == (359, "analysed")
    assert found.standard_error == standard_error(found.value, 359)


def test_it_is_computed_once_for_the_same_file_and_data(
    member: Member, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, trial, result = member
    calls: list[int] = []

    def counted(graph: object, images: np.ndarray) -> np.ndarray:
        calls.append(len(images))
        return board_classes(graph, images)  # type: ignore[arg-type]

    monkeypatch.setattr(held_out, "board_classes", counted)
    first = held_out_errors(study, data, [(trial, result)])
    assert held_out_errors(study, data, [(trial, result)]) == first
    assert calls == [359]
    parts = {"train": data.train, "validation": data.validation}
    shifted = replace(data.test, labels=(data.test.labels + 1) % 10)
    other = make_dataset("digits", classes=10, test=shifted, **parts)
    assert held_out_errors(study, other, [(trial, result)]) != first
    assert calls == [359, 359]
    (study.folder(trial) / TEST_FILE).write_text("{", encoding="utf-8")
    assert held_out_errors(study, data, [(trial, result)]) == first
    assert len(calls) == 3
    assert json.loads((study.folder(trial) / TEST_FILE).read_text(encoding="utf-8"))["model_sha256"]


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_network_that_is_not_the_trials_is_refused(member: Member, data: Dataset, damage: str) -> None:
    study, trial, result = member
    if damage == "missing":
        (study.folder(trial) / "candidate.onnx").unlink()
    else:
        model = result.model.model_copy(update={"sha256": "1" * 64})
        result = result.model_copy(update={"model": model})
    with pytest.raises(StudyError, match="network of trial 0 is missing or changed"):
        held_out_errors(study, data, [(trial, result)])


def test_the_standard_error_is_that_of_a_share() -> None:
    assert standard_error(0.5, 100) == 0.05
    assert standard_error(0.0, 100) == 0.0
    draws = np.random.default_rng(0).binomial(359, 0.05, 20_000) / 359
    assert standard_error(0.05, 359) == pytest.approx(draws.std(), rel=0.02)
