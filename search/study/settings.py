"""Records the settings of a study. They are fixed when its file is made, and compared when it is opened again."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Annotated, Any

from pydantic import Field, model_validator

from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import ToolInfo
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import DEFAULT_OBJECTIVES
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions

LIBRARIES = ("torch", "botorch", "onnxruntime", "numpy")
"""The libraries whose version may change the last bits of a sum, and so a candidate's weights or a proposal."""

_FIRST_CHOICES = {
    "kernels": (2, 3, 4, 5),
    "max_blocks": 4,
    "max_hidden": 1,
    "skips": (),
    "branches": False,
    "prunings": (),
    "augmentations": (),
    "levers": (),
    "recomputes": (),
}
"""The choices of the space in the first studies that differ from the defaults. Studies did not record them then."""


Parameter = bool | int | float | str
"""The value of a parameter of a strategy."""


class StrategySettings(Record):
    """The strategy that proposes configurations.

    Attributes:
        name: The name of the strategy.
        parameters: The value of each parameter that it has.
        preferences: How much some objectives matter to the user, by name: the least and the greatest weight.
    """

    name: str
    parameters: dict[str, Parameter]
    preferences: dict[str, tuple[float, float]] = Field(default_factory=dict)


def library_versions() -> dict[str, str]:
    """Returns the installed versions of LIBRARIES."""
    return {name: version(name) for name in LIBRARIES}


class Settings(Record):
    """The settings that the results of a study depend on.

    Two studies with equal settings have equal trials, apart from wall times. That holds on one machine, with equal
    library versions, for any number of jobs, and with or without interruptions. Another processor may add floats in
    another order. Then weights can differ, and with them errors and proposals.

    A study refuses to be opened with other settings (`differences`). Other library versions cause a warning only
    (`version_differences`). The study then continues, but the versions in its settings may not repeat its later trials.

    Attributes:
        dataset: The name of the dataset.
        dataset_fingerprint: The sha256 of its images and labels for training and validation.
        board: The name of the board.
        seed: The seed of proposals, initial weights and the order of the images.
        objectives: The names of the objectives that are minimised. A record without them has the default.
        bounds: The user's limits.
        recipe: How candidates are trained.
        strategy: How configurations are proposed.
        space: Which networks may be tried.
        start: The user's own networks, which are tried first, in their text form.
        toolchain: The compiler and its version.
        engine: The emulator and its version.
        build: How firmware is made. A record without this field has the defaults.
        project_version: The version of sparse-mcu.
        versions: The versions of the libraries with which the study began.
    """

    dataset: str
    dataset_fingerprint: str
    board: str
    seed: Annotated[int, Field(ge=0)]
    objectives: tuple[str, ...] = DEFAULT_OBJECTIVES
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
        """Returns a text for each setting that differs, apart from library versions: its name and both values."""
        return _differences(
            self.model_dump(mode="json", exclude={"versions"}), other.model_dump(mode="json", exclude={"versions"})
        )

    def version_differences(self, other: "Settings") -> list[str]:
        """Returns a text for each library whose version differs: its name and both versions."""
        return _differences(self.versions, other.versions)

    @model_validator(mode="before")
    @classmethod
    def _read_the_oldest(cls, record: Any) -> Any:  # noqa: ANN401 - whatever a file holds
        """Reads settings of version 0.1. They have `optimise` in place of `build`, and two numbers for the space."""
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
    """Returns a text for each value that differs in two nested records. A missing value counts as None."""
    mine, other = dict(_leaves(ours)), dict(_leaves(theirs))
    keys = [*mine, *(key for key in other if key not in mine)]
    return [f"{key} {mine.get(key)!r} instead of {other.get(key)!r}" for key in keys if mine.get(key) != other.get(key)]


def _leaves(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields each value of a nested record with its whole name, such as "build.optimise"."""
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
