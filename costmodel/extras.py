"""The optional parts of the installation, and what to say where one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from sparse_mcu.costmodel.errors import MissingExtraError

Extra = Literal["plot", "search"]


@contextmanager
def needs(extra: Extra, where: str) -> Iterator[None]:
    """Import inside what only an extra installs.

    Args:
        extra: Its name in pyproject.toml.
        where: The command or option that needs it.

    Raises:
        MissingExtraError: A package that is not ours cannot be found.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "sparse_mcu"}:  # a defect of ours
            raise
        raise MissingExtraError(
            f"needs {package}, which is not installed",
            where=where,
            fix=f'Install it with: pip install "sparse-mcu[{extra}]"',
        ) from error
