"""Reads CIFAR's Python batches, and runs no code from them.

They are pickles, which can ask for any function by name. This reader looks every name up in a table of stand-ins of
ours, and imports nothing. So it can build arrays of bytes, and nothing else.
"""

import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import DatasetError

Bytes = npt.NDArray[np.uint8]

_FIX = "Get the Python version of CIFAR-10 again."


@dataclass(slots=True)
class _DType:
    """Stands in for numpy.dtype. It remembers the code of the type."""

    code: object

    def __setstate__(self, state: object) -> None:
        """Ignores byte order and the like, which say nothing about bytes."""


@dataclass(slots=True)
class _Array:
    """Stands in for numpy.ndarray. It accepts the state that numpy pickles, if that holds bytes in C order."""

    values: Bytes = field(default_factory=lambda: np.empty(0, dtype=np.uint8))

    def __setstate__(self, state: object) -> None:
        match state:
            case (int(), tuple(shape), _DType(code="u1"), False | 0, bytes(data)):
                self.values = np.frombuffer(data, dtype=np.uint8).reshape(shape)
            case _:
                raise pickle.UnpicklingError("an array that is not of unsigned bytes in C order")


def _encode(text: object, encoding: object) -> bytes:
    """Stands in for _codecs.encode. Python 3 writes bytes into old pickles with it."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes in an unexpected form")
    return text.encode("latin1")


_STAND_INS: Mapping[tuple[str, str], Callable[..., object]] = {
    ("numpy", "dtype"): lambda code, *_: _DType(code.decode("latin1") if isinstance(code, bytes) else code),
    ("numpy", "ndarray"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): lambda *_: _Array(),
    ("numpy._core.multiarray", "_reconstruct"): lambda *_: _Array(),
    ("_codecs", "encode"): _encode,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., object]:
        """Returns the stand-in for a name, and imports nothing."""
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def read_python_batch(data: bytes, path: Path) -> tuple[Bytes, Bytes]:
    """Returns pixels [n, 3072] and labels [n] of a batch.

    Args:
        data: The bytes of the file.
        path: The path of the file, for messages.

    Raises:
        DatasetError: The file is no such batch, or asks for something else than arrays of bytes.
    """
    try:
        batch = _Reader(io.BytesIO(data), encoding="bytes").load()
        return batch[b"data"].values, np.array(batch[b"labels"], dtype=np.uint8)
    except Exception as error:  # a damaged pickle can raise anything
        raise DatasetError(f"not a batch of CIFAR-10: {error}", where=str(path), fix=_FIX) from error
