"""Measures the errors of the front on the test images, which the search never saw."""

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
        value: The share of wrong classes, by the integer reference.
        standard_error: The standard error of that share.
        images: The number of test images.
        fidelity: How the classes were computed.
    """

    value: Annotated[float, Field(ge=0, le=1)]
    standard_error: Annotated[float, Field(ge=0)]
    images: Annotated[int, Field(ge=1)]
    fidelity: Fidelity = "analysed"


class _Answer(Record):
    """A stored test error, and what it depends on.

    Attributes:
        model_sha256: The hash of the ONNX file.
        dataset_fingerprint: The fingerprint of the dataset.
        project_version: The version of sparse-mcu.
        error: The test error.
    """

    model_sha256: str
    dataset_fingerprint: str
    project_version: str
    error: HeldOutError


def standard_error(share: float, images: int) -> float:
    """Returns the binomial standard error sqrt(p (1 - p) / n) of a share p of n images.

    For example, 5 % of 359 images have a standard error of sqrt(0.05 * 0.95 / 359) = 1.15 %.
    """
    return sqrt(share * (1 - share) / images)


def error_on(graph: Graph, data: Split) -> HeldOutError:
    """Returns the error of a network on images.

    Args:
        graph: The lowered network.
        data: The images, at least one, and their classes.
    """
    share, images = float(np.mean(board_classes(graph, data.images) != data.labels)), len(data.labels)
    return HeldOutError(value=share, standard_error=standard_error(share, images), images=images)


def held_out_errors(
    study: Study, dataset: Dataset, front: Sequence[tuple[Trial, Success]]
) -> Mapping[int, HeldOutError]:
    """Returns the test error of each member of a front, by the number of its trial.

    Each error is stored beside the network's ONNX file. It is computed again only if the file, the dataset or the
    version of sparse-mcu changed.

    Args:
        study: The study that contains the networks.
        dataset: The dataset of the study. Only its test part is used.
        front: The members of the front.

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
    """Returns a stored test error; None if there is none that can be read."""
    try:
        return _Answer.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
