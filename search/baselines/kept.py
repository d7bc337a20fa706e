"""Keeps the result of each finished method, so that an interrupted comparison goes on where it stopped."""

from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from sparse_mcu import search
from sparse_mcu.costmodel import __version__
from sparse_mcu.search.baselines.result import MethodResult
from sparse_mcu.simulation.cache.store import Store, content_key

_LIBRARIES = ("numpy", "scikit-learn", "torch")


def kept_result(facts: str, make: Callable[[], MethodResult]) -> MethodResult:
    """Returns the result that is kept under these facts, or makes it and keeps it.

    The version of sparse-mcu, its code for search, and the versions of libraries count as facts too.

    Args:
        facts: All else that the result follows from: the method, the data, the seed, the board.
        make: Makes the result.
    """
    store, key = Store("baselines"), content_key(facts, __version__, *map(version, _LIBRARIES), _own_code())
    if (parts := store.get(key)) is not None:
        return MethodResult.model_validate_json(parts["result"])
    result = make()
    store.put(key, {"result": result.model_dump_json().encode()})
    return result


@cache
def _own_code() -> str:
    """Returns a hash of the code of this package, which decides the results."""
    root = Path(search.__file__).parent
    return content_key(
        *(part for path in sorted(root.rglob("*.py")) for part in (str(path.relative_to(root)), path.read_bytes()))
    )
