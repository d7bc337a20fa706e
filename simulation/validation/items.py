"""Defines what is compared: a program that somebody measured on hardware, and what it executed."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.timing.counts import Execution
from sparse_mcu.costmodel.timing.memory_system import memory_system_at, with_stalls
from sparse_mcu.costmodel.timing.pricing import CycleCount, price_execution
from sparse_mcu.costmodel.timing.table import load_table

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class Memories:
    """The memories that a program ran on, and what happened there.

    Attributes:
        system: The name of the memory system.
        clock_hz: The clock of the core.
        events: uint64 [kinds, phases]; how often each `Event` happened.
    """

    system: str
    clock_hz: int
    events: npt.NDArray[np.uint64]


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
        memories: The memories; None if they have no wait states.
    """

    name: str
    group: str
    core: str
    hardware: str
    measured_cycles: int
    source: str
    execution: Execution
    memories: Memories | None = None


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
    """Returns the cycles that the models of the item's core and memories give."""
    count = price_execution(item.execution, load_table(item.core))
    if item.memories is None:
        return count
    system = memory_system_at(item.memories.system, item.memories.clock_hz)
    instructions = item.execution.executed.sum(axis=1).astype(np.uint64)
    return with_stalls(count, item.memories.events, instructions, system)


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
