"""Defines the objectives that a search can minimise.

`KINDS` holds all of them by name. To add an objective, add its entry there, and a test in
tests/search/evaluation/test_objectives.py. Every trial records all objectives. A study names those that it minimises.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, RootModel

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.errors import SparseMcuError, suggestion
from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import Fidelity
from sparse_mcu.search.evaluation import published

DEFAULT_OBJECTIVES = ("error", "ram_bytes", "flash_bytes", "latency_ms")
"""What a study minimises if the user names no objectives."""

ERROR_FLOOR = 0.005
"""Is added to errors on logarithmic scales. A few hundred to a few thousand images rank no smaller errors."""

_SLOW_MS = 10_000.0


class Objective(Record):
    """A number, and the fidelity that says how it was obtained."""

    value: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    fidelity: Fidelity


class Objectives(RootModel[Mapping[str, Objective]]):
    """The objectives of a candidate by their names in `KINDS`. Less is better for each of them.

    Records of earlier versions lack the objectives that were added since.
    """

    model_config = ConfigDict(frozen=True)

    def __getitem__(self, name: str) -> Objective:
        """Returns the objective of that name."""
        return self.root[name]

    def values(self, names: Iterable[str]) -> tuple[float, ...]:
        """Returns the numbers of the objectives `names`, in that order."""
        return tuple(self.root[name].value for name in names)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figures:
    """All figures of a candidate that objectives are made of.

    Attributes:
        error: Share of validation images that the board puts into a wrong class; None before training.
        float_error: The same of the float network, before quantisation; None before training.
        graph: The lowered network. Before training its weights are placeholders.
        stored_bytes: The sections of weights and of constants.
        ram_bytes: The total RAM.
        flash_bytes: The total flash.
        latency_ms: The time of one inference in milliseconds.
        energy_mj: The energy of one inference in millijoules.
    """

    error: Objective | None = None
    float_error: Objective | None = None
    graph: Graph
    stored_bytes: Objective
    ram_bytes: Objective
    flash_bytes: Objective
    latency_ms: Objective
    energy_mj: Objective


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """An objective that a search can minimise.

    Attributes:
        label: What tables and pictures call it.
        unit: The unit of its numbers. A share lies between 0 and 1 and is shown in per cent.
        what: What it is, in a line.
        read: Takes it from the figures of a candidate; None if it is not known yet.
        worst: The value that the hypervolume reaches up to, on a board.
        known: When it is known. "trained": after training only. "weights": before training except for weights that
            become zero. "shape": before training, because it follows from the shapes of the layers.
        floor: What is added to a value before its logarithm is taken.
    """

    label: str
    unit: Literal["share", "B", "ms", "mJ"]
    what: str
    read: Callable[[Figures], Objective | None]
    worst: Callable[[Board], float]
    known: Literal["trained", "weights", "shape"] = "shape"
    floor: float = 0.0

    @property
    def heading(self) -> str:
        """Returns the label with the unit that `cell` uses."""
        return f"{self.label} {'%' if self.unit == 'share' else self.unit}"

    def cell(self, value: float) -> str:
        """Returns a value as tables show it, without its unit."""
        return f"{100 * value:.2f}" if self.unit == "share" else f"{value:.{0 if self.unit == 'B' else 3}f}"


def _counted(count: Callable[[Graph], int]) -> Callable[[Figures], Objective]:
    return lambda figures: Objective(value=count(figures.graph), fidelity="analysed")


KINDS: Mapping[str, Kind] = {
    "error": Kind(
        label="error",
        unit="share",
        what="share of validation images that the board puts into a wrong class, by the integer reference",
        read=lambda figures: figures.error,
        worst=lambda _: 1 - ERROR_FLOOR,
        known="trained",
        floor=ERROR_FLOOR,
    ),
    "float_error": Kind(
        label="float error",
        unit="share",
        what="the same share before quantisation, by torch",
        read=lambda figures: figures.float_error,
        worst=lambda _: 1 - ERROR_FLOOR,
        known="trained",
        floor=ERROR_FLOOR,
    ),
    "model_size": Kind(
        label="model size",
        unit="B",
        what="SpArSe's ModelSize: weights that are not zero, a byte each; no biases, no indices",
        read=_counted(published.model_size),
        worst=lambda board: board.flash.size_bytes,
        known="weights",
    ),
    "stored_size": Kind(
        label="stored size",
        unit="B",
        what="what flash holds beside code: weights and indices as stored, biases, multipliers, alignment",
        read=lambda figures: figures.stored_bytes,
        worst=lambda board: board.flash.size_bytes,
    ),
    "working_memory_1": Kind(
        label="WM 1",
        unit="B",
        what="SpArSe's working memory with weights in RAM: largest input + non-zero weights of a layer",
        read=_counted(published.working_memory_1),
        worst=lambda board: board.ram.size_bytes + board.flash.size_bytes,
        known="weights",
    ),
    "working_memory_2": Kind(
        label="WM 2",
        unit="B",
        what="SpArSe's working memory with weights in flash: largest input + output of a layer",
        read=_counted(published.working_memory_2),
        worst=lambda board: board.ram.size_bytes,
    ),
    "ram_bytes": Kind(
        label="RAM",
        unit="B",
        what="all RAM: arena, static data, stack and padding",
        read=lambda figures: figures.ram_bytes,
        worst=lambda board: board.ram.size_bytes,
    ),
    "flash_bytes": Kind(
        label="flash",
        unit="B",
        what="all bytes that are programmed into flash",
        read=lambda figures: figures.flash_bytes,
        worst=lambda board: board.flash.size_bytes,
    ),
    "latency_ms": Kind(
        label="latency",
        unit="ms",
        what="time of one inference: its cycles at the board's clock",
        read=lambda figures: figures.latency_ms,
        worst=lambda _: _SLOW_MS,
    ),
    "energy_mj": Kind(
        label="energy",
        unit="mJ",
        what="energy of one inference: its latency times the board's power",
        read=lambda figures: figures.energy_mj,
        worst=lambda board: _SLOW_MS / 1e3 * board.active_power_mw,
    ),
}


class UnknownObjectiveError(SparseMcuError):
    """No objective has that name. The message lists the names."""


def is_trained(name: str) -> bool:
    """Returns whether an objective is known after training only."""
    return KINDS[name].known == "trained"


def chosen_objectives(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the objectives that a user names, each once and in the order of `KINDS`; the default for no names.

    Raises:
        UnknownObjectiveError: There is no objective of a name.
    """
    given = set(names) or set(DEFAULT_OBJECTIVES)
    for name in given:
        if name not in KINDS:
            raise UnknownObjectiveError(
                f"no objective is called {name!r}",
                where="objectives",
                fix=suggestion(name, KINDS).strip() or f"Name some of {', '.join(KINDS)}.",
            )
    return tuple(name for name in KINDS if name in given)


def objectives_of(figures: Figures) -> Objectives:
    """Returns all objectives that the figures of a candidate give."""
    found = {name: kind.read(figures) for name, kind in KINDS.items()}
    return Objectives({name: objective for name, objective in found.items() if objective is not None})
