"""Names the data of a command, in a form that another process can receive."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.images import ImageOptions
from sparse_mcu.search.data.loaders import find_dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRequest:
    """Names a dataset, and says how its images are read.

    Attributes:
        name: The name of the dataset; `folder` for the user's own images.
        folder: The folder of its files; None for the usual places.
        images: The size, colour and split of image files.
    """

    name: str
    folder: Path | None = None
    images: ImageOptions = field(default_factory=ImageOptions)

    def load(self) -> Dataset:
        """Loads the dataset. Equal requests give equal data in every process.

        Raises:
            DatasetError: The name is unknown, files are missing or damaged, or an option does not suit the dataset.
        """
        return find_dataset(self.name).load(self.folder, self.images)
