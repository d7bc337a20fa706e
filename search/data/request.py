"""Which data a command works on, in a form that crosses to another process."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.images import ImageOptions
from sparse_mcu.search.data.loaders import find_dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRequest:
    """A dataset by its name, and how its images are read.

    Attributes:
        name: The dataset's; `folder` for images of the user's own.
        folder: Where its files are; None for where they usually are.
        images: Size, colour and split of image files.
    """

    name: str
    folder: Path | None = None
    images: ImageOptions = field(default_factory=ImageOptions)

    def load(self) -> Dataset:
        """Read the dataset; the same request gives the same data in every process.

        Raises:
            DatasetError: The name is unknown, files are missing or damaged, or an option does not go with the dataset.
        """
        return find_dataset(self.name).load(self.folder, self.images)
