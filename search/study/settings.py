"""What a study is about: fixed when its file is made, and the same whenever it is opened again."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sparse_mcu.costmodel.report import ToolInfo
from sparse_mcu.search.evaluation.objectives import Bounds
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions


class Settings(BaseModel):
    """Everything that results depend on; two studies with the same settings give the same trials.

    Attributes:
        dataset: Its name.
        dataset_fingerprint: sha256 of its images, labels and split.
        board: Its name.
        seed: Of proposals, initial weights and the order of the images.
        bounds: The user's limits.
        recipe: How candidates are trained.
        toolchain: Compiler and version.
        engine: Emulator and version.
        build: How firmware is made; studies from before there was a choice have the defaults.
        project_version: Of sparse-mcu.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    dataset_fingerprint: str
    board: str
    seed: Annotated[int, Field(ge=0)]
    bounds: Bounds
    recipe: Recipe
    toolchain: ToolInfo
    engine: ToolInfo
    build: BuildOptions = DEFAULTS
    project_version: str

    def differences(self, other: "Settings") -> list[str]:
        """For every setting that differs: its name, ours and the other's."""
        ours, theirs = (dict(_leaves(each.model_dump(mode="json"))) for each in (self, other))
        return [f"{key} {ours[key]!r} instead of {theirs[key]!r}" for key in ours if ours[key] != theirs[key]]

    @model_validator(mode="before")
    @classmethod
    def _read_the_oldest(cls, record: Any) -> Any:  # noqa: ANN401 - whatever a file holds
        """Studies of version 0.1 chose kernels, but no levers, and said so in a field of its own."""
        if isinstance(record, dict) and "optimise" in record and "build" not in record:
            return {key: value for key, value in record.items() if key != "optimise"} | {
                "build": {"optimise": record["optimise"]}
            }
        return record


def _leaves(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in a record of records, each by its whole name."""
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
