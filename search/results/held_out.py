"""Judges the front on the test images, which the search never saw."""

from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, ValidationError

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.costmodel.files import write_atomically
from sparse_mcu.costmodel.graph import Graph, load_graph
from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import Fidelity
from sparse_mcu.search.data.dataset import Dataset, Split
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.network.board_classes import board_classes
from sparse_mcu.search.study.sqlite import Study
from sparse_mcu.search.study.trial import Trial

TEST_FILE = "test.json"


class HeldOutError(Record):
    """The error of a network on images that chose nothing.

    Attributes:
        value: Share of wrong classes, by the integer reference.
        standard_error: Of that share; see `standard_error`.
        images: Number of test images.
        fidelity: How the classes were computed.
    """

    value: Annotated[float, Field(ge=0, le=1)]
    standard_error: Annotated[float, Field(ge=0)]
    images: Annotated[int, Field(ge=1)]
    fidelity: Fidelity = "analysed"


class _Answer(Record):
    """A stored answer with the question that it answers.

    Attributes:
        model_sha256: Of the ONNX file.
        dataset_fingerprint: Of the dataset.
        project_version: Of sparse-mcu.
        error: The answer.
    """

    model_sha256: str
    dataset_fingerprint: str
    project_version: str
    error: HeldOutError


def standard_error(share: float, images: int) -> float:
    """The binomial standard error of a share of `images`: sqrt(p (1 - p) / n)."""
    return sqrt(share * (1 - share) / images)


def error_on(graph: Graph, data: Split) -> HeldOutError:
    """The error of a network on images that chose nothing.

    Args:
        graph: The lowered network.
        data: The images, at least one, and their classes.
    """
    share, images = float(np.mean(board_classes(graph, data.images) != data.labels)), len(data.labels)
    return HeldOutError(value=share, standard_error=standard_error(share, images), images=images)


def held_out_errors(
    study: Study, dataset: Dataset, front: Sequence[tuple[Trial, Success]]
) -> Mapping[int, HeldOutError]:
    """The test error of every member of a front, by the number of its trial.

    An answer is kept beside the network's ONNX file and not computed again for the same file and dataset.

    Args:
        study: Where the networks are.
        dataset: The study's; only its test part is used.
        front: The members.

    Raises:
        StudyError: A member's ONNX file is missing, or is not the one that the trial recorded.
    """
    return {trial.number: _held_out_error(study, dataset, trial, result) for trial, result in front}


def _held_out_error(study: Study, dataset: Dataset, trial: Trial, result: Success) -> HeldOutError:
    folder = study.folder(trial)
    wanted = (result.model.sha256, dataset.fingerprint, study.settings.project_version)
    stored = _read(folder / TEST_FILE)
    if stored is not None and (stored.model_sha256, stored.dataset_fingerprint, stored.project_version) == wanted:
        return stored.error
    path = folder / result.artifacts.onnx
    graph = load_graph(path) if path.is_file() else None
    if graph is None or graph.sha256 != result.model.sha256:
        raise StudyError(
            f"the network of trial {trial.number} is missing or changed", where=str(path), fix="Restore the file."
        )
    error = error_on(graph, dataset.test)
    record = _Answer(model_sha256=wanted[0], dataset_fingerprint=wanted[1], project_version=wanted[2], error=error)
    write_atomically(folder / TEST_FILE, record.model_dump_json(indent=2))
    return error


def _read(path: Path) -> _Answer | None:
    """The stored answer; None if there is none that can be read."""
    try:
        return _Answer.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
