"""Defines what is compared: a program that somebody measured on hardware, and what it executed."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.timing.counts import Execution
from sparse_mcu.costmodel.timing.pricing import CycleCount, price_execution
from sparse_mcu.costmodel.timing.table import load_table

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A program with known cycles.

    Attributes:
        name: Its name within the group.
        group: The benchmark that it belongs to.
        core: The core that ran it.
        hardware: What was measured: board, clock and memory.
        measured_cycles: The cycles that hardware took.
        source: Who published them, and how the program was built.
        execution: What the same program executes in the engine.
    """

    name: str
    group: str
    core: str
    hardware: str
    measured_cycles: int
    source: str
    execution: Execution


class Comparison(Record):
    """A program's predicted and measured cycles. `error_percent` is negative if the prediction is too fast."""

    name: str
    group: str
    core: str
    hardware: str
    predicted_cycles: int
    measured_cycles: int
    error_percent: float
    causes: dict[str, int]
    source: str


class Summary(Record):
    """The errors of one group on one core, in percent."""

    group: str
    core: str
    items: int
    mean_absolute_percent: float
    mean_percent: float
    worst_percent: float


class ValidationReport(Record):
    """The result of `validate`."""

    schema_version: int = SCHEMA_VERSION
    kind: str = "validation"
    items: list[Comparison]
    summary: list[Summary]


def predict(item: Item) -> CycleCount:
    """Returns the cycles that the model of the item's core gives."""
    return price_execution(item.execution, load_table(item.core))


def compare(item: Item, predicted: CycleCount) -> Comparison:
    """Returns how a prediction compares with what was measured."""
    return Comparison(
        name=item.name,
        group=item.group,
        core=item.core,
        hardware=item.hardware,
        predicted_cycles=predicted.total,
        measured_cycles=item.measured_cycles,
        error_percent=100 * (predicted.total / item.measured_cycles - 1),
        causes={cause: sum(phases) for cause, phases in predicted.causes.items()},
        source=item.source,
    )


def summarise(comparisons: Iterable[Comparison]) -> ValidationReport:
    """Returns the report: the comparisons, and the errors by group and core."""
    listed = list(comparisons)
    groups = dict.fromkeys((each.group, each.core) for each in listed)
    return ValidationReport(items=listed, summary=[_summary(group, core, listed) for group, core in groups])


def _summary(group: str, core: str, comparisons: list[Comparison]) -> Summary:
    errors = np.array([each.error_percent for each in comparisons if (each.group, each.core) == (group, core)])
    return Summary(
        group=group,
        core=core,
        items=len(errors),
        mean_absolute_percent=float(np.abs(errors).mean()),
        mean_percent=float(errors.mean()),
        worst_percent=float(errors[np.argmax(np.abs(errors))]),
    )
