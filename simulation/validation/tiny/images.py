"""Lists the published firmware images that the model is developed on, with what was measured."""

from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import Field

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.costmodel.devices.schema import read_toml
from sparse_mcu.costmodel.devices.types import Board, MemoryRegion
from sparse_mcu.costmodel.records import FileRecord

_FILE = files("sparse_mcu.simulation.validation.tiny") / "images.toml"


class Chip(FileRecord):
    """What the images of a chip run on: its core, its memory system, and the clock that they set."""

    core: str
    memory_system: str
    clock_hz: Annotated[int, Field(gt=0)]


class Image(FileRecord):
    """A firmware image, and what was measured with it.

    Attributes:
        system: The name of the submitted system; "max_performance" has its weights in RAM.
        chip: A key of the file's `chips`.
        benchmark: "ad", "ic", "kws" or "vww".
        inferences_per_second: Measured, median of five runs.
        path: In the repository of the results.
    """

    system: str
    chip: str
    benchmark: str
    inferences_per_second: Annotated[float, Field(gt=0)]
    path: str

    @property
    def name(self) -> str:
        """System and benchmark."""
        return f"{self.system}/{self.benchmark}"


class ImagesFile(FileRecord):
    """The content of images.toml."""

    source: str
    chips: dict[str, Chip]
    image: list[Image]


@cache
def images_file() -> ImagesFile:
    """Returns the images, the chips and their source."""
    return read_toml(_FILE, ImagesFile)


def board_of(chip: str) -> Board:
    """Returns a board with the core, the clock and the memories of a chip."""
    found = images_file().chips[chip]
    return Board(
        name=chip,
        title=chip,
        mcu=chip,
        core=load_core(found.core),
        clock_hz=found.clock_hz,
        flash=MemoryRegion("flash", 0x08000000, 0x200000, "large enough for every image"),
        ram=MemoryRegion("ram", 0x20000000, 0x100000, "large enough for every image"),
        active_power_mw=0.0,
        sources={},
        memory_system=found.memory_system,
    )


def measured_cycles(image: Image) -> float:
    """Returns the cycles of one inference that were measured: the clock over the inferences per second."""
    return images_file().chips[image.chip].clock_hz / image.inferences_per_second
