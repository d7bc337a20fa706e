"""Names the optional parts of the installation, and explains how to install a missing one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from sparse_mcu.costmodel.errors import MissingExtraError

Extra = Literal["plot", "postgres", "ray", "search"]


@contextmanager
def needs(extra: Extra, where: str) -> Iterator[None]:
    """Turns a failed import in a `with` block into an error that names the extra to install.

    Args:
        extra: The name of the extra in pyproject.toml.
        where: The command or option that needs it.

    Raises:
        MissingExtraError: A package that is not ours is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "sparse_mcu"}:  # our own package is broken
            raise
        raise MissingExtraError(
            f"needs {package}, which is not installed",
            where=where,
            fix=f'Install it with: pip install "sparse-mcu[{extra}]"',
        ) from error
