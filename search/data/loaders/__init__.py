"""The datasets: every module in this folder is one, named as users type it.

A dataset's module defines `load(folder) -> Dataset`. Nothing is downloaded: what no package carries is read from a
folder that the user names.
"""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol, cast

from sparse_mcu.costmodel.errors import DatasetError, suggestion
from sparse_mcu.costmodel.extras import needs
from sparse_mcu.search.data.dataset import Dataset

NAMES = tuple(sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_")))


class DatasetModule(Protocol):
    """What a module of this folder defines."""

    def load(self, folder: Path | None) -> Dataset:
        """Load it; `folder` is where the user keeps its files, for those that are in no package.

        Raises:
            DatasetError: Its files are missing or damaged.
        """
        ...


def find_dataset(name: str) -> DatasetModule:
    """The dataset of that name, not yet loaded.

    Raises:
        DatasetError: There is none.
    """
    if name not in NAMES:
        raise DatasetError(
            f"unknown dataset {name!r}",
            where="--dataset",
            fix=f"There are: {', '.join(NAMES)}.{suggestion(name, NAMES)}",
        )
    with needs("search", name):
        return cast("DatasetModule", import_module(f"{__name__}.{name}"))
