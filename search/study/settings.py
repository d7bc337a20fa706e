"""What a study is about: fixed when its file is made, and compared whenever it is opened again."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Annotated, Any

from pydantic import Field, model_validator

from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import ToolInfo
from sparse_mcu.search.evaluation.objectives import Bounds
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions

LIBRARIES = ("torch", "botorch", "onnxruntime", "numpy")
"""Their versions may change the last bits of a sum, and with them a candidate's weights or a proposal."""

_FIRST_CHOICES = {"kernels": (2, 3, 4, 5), "max_blocks": 4, "max_hidden": 1}
"""What the space held when studies recorded only `max_macs` and `max_weights` of it, where it differs from today's."""


class StrategySettings(Record):
    """How configurations are proposed.

    Attributes:
        name: Of the strategy.
        parameters: Everything that tunes it.
    """

    name: str
    parameters: dict[str, float]


def library_versions() -> dict[str, str]:
    """The installed versions of LIBRARIES."""
    return {name: version(name) for name in LIBRARIES}


class Settings(Record):
    """What results depend on, so far as this project decides or knows it.

    On one machine and with the same library versions, two studies with equal settings have equal trials, but for wall
    times, whether they run through or are interrupted, and with any number of jobs. Another processor may sum floats
    in another order: then weights, and with them errors and proposals, can differ.

    A study is refused when it is opened with other settings (`differences`). Other library versions only call for a
    warning (`version_differences`): the study goes on, and its later trials may not be repeatable with the versions
    that the settings name.

    Attributes:
        dataset: Its name.
        dataset_fingerprint: sha256 of its images and labels in their three parts.
        board: Its name.
        seed: Of proposals, initial weights and the order of the images.
        bounds: The user's limits.
        recipe: How candidates are trained.
        strategy: How configurations are proposed.
        space: Which networks are tried.
        start: The user's own networks, in their text form, which are tried first.
        toolchain: Compiler and version.
        engine: Emulator and version.
        build: How firmware is made; studies from before there was a choice have the defaults.
        project_version: Of sparse-mcu.
        versions: Of the libraries that the study was begun with.
    """

    dataset: str
    dataset_fingerprint: str
    board: str
    seed: Annotated[int, Field(ge=0)]
    bounds: Bounds
    recipe: Recipe
    strategy: StrategySettings
    space: Limits
    start: tuple[str, ...] = ()
    toolchain: ToolInfo
    engine: ToolInfo
    build: BuildOptions = DEFAULTS
    project_version: str
    versions: dict[str, str]

    def differences(self, other: "Settings") -> list[str]:
        """For every setting but library versions that differs: its name, ours and the other's."""
        return _differences(
            self.model_dump(mode="json", exclude={"versions"}), other.model_dump(mode="json", exclude={"versions"})
        )

    def version_differences(self, other: "Settings") -> list[str]:
        """For every library whose version differs: its name, our version and the other's."""
        return _differences(self.versions, other.versions)

    @model_validator(mode="before")
    @classmethod
    def _read_the_oldest(cls, record: Any) -> Any:  # noqa: ANN401 - whatever a file holds
        """Studies of version 0.1 chose kernels, but no levers, in a field of its own, and had one fixed space."""
        if not isinstance(record, dict):
            return record
        if "optimise" in record and "build" not in record:
            record = {key: value for key, value in record.items() if key != "optimise"} | {
                "build": {"optimise": record["optimise"]}
            }
        if isinstance(record.get("space"), dict):
            record = record | {"space": _FIRST_CHOICES | record["space"]}
        return record


def _differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Every leaf of two records of records that differs, by its whole name; what one lacks is None there."""
    mine, other = dict(_leaves(ours)), dict(_leaves(theirs))
    keys = [*mine, *(key for key in other if key not in mine)]
    return [f"{key} {mine.get(key)!r} instead of {other.get(key)!r}" for key in keys if mine.get(key) != other.get(key)]


def _leaves(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in a record of records, each by its whole name."""
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
