"""The search core in machine code: the functions of `packing`, compiled here by numba under their own names.

The same source makes the same search, node for node, some hundred times faster. Importing this module
costs half a second, and the first compilation on a machine some seconds more (then numba's on-disk cache
answers): small plans never do.
"""

from collections.abc import Callable
from types import FunctionType

import numba

from sparse_mcu.costmodel.memory.placement import search_core as packing

search: Callable[[packing.Problem, packing.State, int, int], int]
"""`packing.search`; problem and state hold int64 arrays."""


def _compiled(function: FunctionType) -> Callable[..., int]:
    """`function` compiled when it is first called; kept on disk where there is a place that may be written."""
    try:
        made: Callable[..., int] = numba.njit(cache=True)(function)
    except RuntimeError:  # numba found no such place
        made = numba.njit(cache=False)(function)
    return made


for _name, _value in vars(packing).items():
    if isinstance(_value, FunctionType) and _value.__module__ == packing.__name__:
        globals()[_name] = _compiled(FunctionType(_value.__code__, globals(), _name))
    elif _name.isupper():
        globals()[_name] = _value
