"""The registry of objectives: what each is read from, how it is shown, and what a user may choose."""

import numpy as np
import pytest

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.graph.operators import Clamp, Dense
from sparse_mcu.costmodel.graph.requantization import Rescale
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor
from sparse_mcu.search.evaluation.objectives import (
    DEFAULT_OBJECTIVES,
    KINDS,
    Figures,
    Objective,
    Objectives,
    UnknownObjectiveError,
    chosen_objectives,
    objectives_of,
)


def analysed(value: float) -> Objective:
    return Objective(value=value, fidelity="analysed")


def figures(error: Objective | None) -> Figures:
    """Figures of a dense layer of six inputs and two outputs, with one weight of zero."""
    weights = np.array([[1, 2, 3, 4, 5, 6], [0, 1, 1, 1, 1, 1]], np.int8)
    operator = Dense(
        name="logits",
        inputs=("image",),
        output="logits",
        weights=weights,
        bias=np.zeros(2, np.int32),
        rescale=Rescale(np.ones(2, np.int32), 0),
        clamp=Clamp(),
    )
    tensors = {name: Tensor(name, (1, size), Quantization(1.0, 0)) for name, size in (("image", 6), ("logits", 2))}
    return Figures(
        error=error,
        float_error=error,
        graph=Graph("net", "0" * 64, tensors, (operator,), ("image",), ("logits",)),
        stored_bytes=analysed(700),
        ram_bytes=analysed(500),
        flash_bytes=analysed(3000),
        latency_ms=Objective(value=1.5, fidelity="estimated"),
        energy_mj=Objective(value=0.03, fidelity="predicted"),
    )


def test_each_objective_is_read_from_its_figure() -> None:
    assert objectives_of(figures(analysed(0.25))) == Objectives(
        {
            "error": analysed(0.25),
            "float_error": analysed(0.25),
            "model_size": analysed(11),
            "stored_size": analysed(700),
            "working_memory_1": analysed(6 + 11),
            "working_memory_2": analysed(6 + 2),
            "ram_bytes": analysed(500),
            "flash_bytes": analysed(3000),
            "latency_ms": Objective(value=1.5, fidelity="estimated"),
            "energy_mj": Objective(value=0.03, fidelity="predicted"),
        }
    )


def test_before_training_only_the_errors_are_unknown() -> None:
    known = objectives_of(figures(None)).root
    assert {name for name in KINDS if name not in known} == {n for n, kind in KINDS.items() if kind.known == "trained"}


def test_every_objective_has_a_worst_value_above_its_floor(microbit: Board) -> None:
    assert all(kind.worst(microbit) > kind.floor >= 0 for kind in KINDS.values())
    assert all(kind.label and kind.what for kind in KINDS.values())


@pytest.mark.parametrize(
    ("name", "value", "heading", "cell"),
    [
        ("error", 0.0125, "error %", "1.25"),
        ("ram_bytes", 580.0, "RAM B", "580"),
        ("energy_mj", 0.0314, "energy mJ", "0.031"),
    ],
)
def test_values_are_shown_in_the_unit_of_the_heading(name: str, value: float, heading: str, cell: str) -> None:
    assert (KINDS[name].heading, KINDS[name].cell(value)) == (heading, cell)


def test_a_choice_has_the_order_of_the_registry_and_each_name_once() -> None:
    assert chosen_objectives(()) == DEFAULT_OBJECTIVES
    assert chosen_objectives(("latency_ms", "error", "error")) == ("error", "latency_ms")
    assert chosen_objectives(reversed(KINDS)) == tuple(KINDS)
    with pytest.raises(UnknownObjectiveError, match=r"'speed'.*Name some of error, float_error"):
        chosen_objectives(("speed",))
