"""Finds datasets by name. Every module of this folder is one, with `_` in its name for `-`.

A dataset's module defines `load(folder, images) -> Dataset`. Nothing is downloaded: `Source` in `_files.py` says where
the files of a dataset are looked for.
"""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol, cast

from sparse_mcu.costmodel.errors import DatasetError, suggestion
from sparse_mcu.costmodel.extras import needs
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions

NAMES = tuple(
    sorted(module.name.replace("_", "-") for module in iter_modules(__path__) if not module.name.startswith("_"))
)


class DatasetModule(Protocol):
    """Describes what a module of this folder defines."""

    def load(self, folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
        """Loads the dataset.

        Args:
            folder: The folder of its files; None for the usual places.
            images: The size, colour and split of image files.

        Raises:
            DatasetError: Its files are missing or damaged, or it would ignore an option.
        """
        ...


def find_dataset(name: str) -> DatasetModule:
    """Returns the module of a dataset. It loads nothing yet.

    Raises:
        DatasetError: No dataset has that name.
    """
    if name not in NAMES:
        raise DatasetError(
            f"unknown dataset {name!r}",
            where="--dataset",
            fix=f"There are: {', '.join(NAMES)}.{suggestion(name, NAMES)}",
        )
    with needs("search", name):
        return cast("DatasetModule", import_module(f"{__name__}.{name.replace('-', '_')}"))
