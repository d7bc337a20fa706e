"""Compiles functions to machine code with numba, from the same source that Python interprets.

Such a function keeps to the common subset of Python and numba: flat sequences of integers, no allocation, no recursion,
no hashing. So both ways compute the same, step for step. Machine code is some hundred times faster, but loading numba
takes half a second, and the first compilation on a machine takes some seconds more. numba keeps its result on disk.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import numba
from numba.extending import register_jitable

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function, helpers: Iterable[Callable[..., object]] = ()) -> _Function:
    """Wraps a function, to be compiled at its first call. The result is kept on disk if some folder may be written.

    Args:
        function: What is called from Python, with int64 arrays instead of lists.
        helpers: What it calls, directly or not.
    """
    for helper in helpers:
        register_jitable(helper)
    made: Any
    try:
        made = numba.njit(cache=True)(function)
    except RuntimeError:  # numba found no such folder
        made = numba.njit(cache=False)(function)
    return cast("_Function", made)
