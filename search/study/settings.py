"""What a study is about: fixed when its file is made, and the same whenever it is opened again."""

from typing import Annotated

from pydantic import Field

from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import ToolInfo
from sparse_mcu.search.evaluation.objectives import Bounds
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.simulation.firmware.choice.costs import DEFAULT, Optimise


class Settings(Record):
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
        optimise: What kernels are chosen by; studies from before there was a choice have the default.
        project_version: Of sparse-mcu.
    """

    dataset: str
    dataset_fingerprint: str
    board: str
    seed: Annotated[int, Field(ge=0)]
    bounds: Bounds
    recipe: Recipe
    toolchain: ToolInfo
    engine: ToolInfo
    optimise: Optimise = DEFAULT
    project_version: str

    def differences(self, other: "Settings") -> list[str]:
        """For every setting that differs: its name, ours and the other's."""
        ours, theirs = self.model_dump(mode="json"), other.model_dump(mode="json")
        return [f"{key} {ours[key]!r} instead of {theirs[key]!r}" for key in ours if ours[key] != theirs[key]]
