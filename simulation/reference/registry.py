"""Registers the executable meaning of each operator, by the operator's class.

A meaning is a function in a module of this package. To add an operator, add one file here and one test file. A meaning
gets many images at once: every array has a batch axis in front of the tensor's stored shape, [n, *shape]. Images of a
batch do not influence each other. So a batch gives bit for bit what its images give one by one.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.graph import Operator, Tensor

Int8Array = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Signature:
    """Holds the tensors that an operator reads and writes."""

    inputs: tuple[Tensor, ...]
    output: Tensor


_Kind = TypeVar("_Kind", bound=Operator)
_MeaningOf = Callable[[_Kind, Signature, Sequence[Int8Array]], Int8Array]
Meaning = _MeaningOf[Operator]

_MEANINGS: dict[type[Operator], Meaning] = {}


def meaning(kind: type[_Kind]) -> Callable[[_MeaningOf[_Kind]], _MeaningOf[_Kind]]:
    """Registers the decorated function as the meaning of the operator class `kind`."""

    def register(function: _MeaningOf[_Kind]) -> _MeaningOf[_Kind]:
        _MEANINGS[kind] = cast("Meaning", function)
        return function

    return register


@cache
def meanings() -> Mapping[type[Operator], Meaning]:
    """Returns every meaning, by operator class."""
    package = importlib.import_module("sparse_mcu.simulation.reference")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return MappingProxyType(_MEANINGS)
