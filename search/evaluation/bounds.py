"""Defines the limits that a user may set on objectives."""

from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, RootModel, field_validator, model_validator

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.search.evaluation.objectives import KINDS, Objectives

_Limit = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Bounds(RootModel[dict[str, _Limit]]):
    """The limits that a user sets: the largest value allowed, by the name of the objective.

    An objective need not be minimised to have a limit. The board's memories are no part of the user's limits;
    `within` adds them.
    """

    model_config = ConfigDict(frozen=True)
    root: dict[str, _Limit] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _read_older(cls, record: Any) -> Any:  # noqa: ANN401 - whatever a file holds
        """Reads limits of schema 2, where null stands for no limit."""
        return {k: v for k, v in record.items() if v is not None} if isinstance(record, dict) else record

    @field_validator("root")
    @classmethod
    def _name_objectives(cls, limits: dict[str, float]) -> dict[str, float]:
        unknown = [name for name in limits if name not in KINDS]
        if unknown:
            raise ValueError(f"no objective is called {unknown[0]}")
        return {name: limits[name] for name in KINDS if name in limits}

    @property
    def names(self) -> tuple[str, ...]:
        """Returns the names of the objectives that have a limit."""
        return tuple(self.root)

    def values(self, names: Iterable[str]) -> tuple[float, ...]:
        """Returns the limits of the objectives `names`, in that order; infinity stands for no limit."""
        return tuple(self.root.get(name, float("inf")) for name in names)

    def allow(self, objectives: Objectives) -> bool:
        """Returns whether every objective is within its limit."""
        return all(objectives[name].value <= limit for name, limit in self.root.items())

    def within(self, board: Board) -> Self:
        """Returns these limits together with the sizes of a board's memories."""
        sizes = {"ram_bytes": board.ram.size_bytes, "flash_bytes": board.flash.size_bytes}
        return type(self)({**self.root, **{k: min(size, self.root.get(k, size)) for k, size in sizes.items()}})
