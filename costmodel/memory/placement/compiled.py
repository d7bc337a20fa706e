"""The exact search in machine code: `search_core.search`, compiled by numba from the same source.

The compiled search is the same, node for node, and some hundred times faster. Importing this module takes half a
second. The first compilation on a machine takes some seconds more, and numba keeps the result on disk. Small plans
never import it.
"""

from collections.abc import Callable

import numba
from numba.extending import register_jitable

from sparse_mcu.costmodel.memory.placement import search_core

_HELPERS = (
    search_core.place,
    search_core.refuse,
    search_core.leave_holes,
    search_core.is_consistent,
    search_core.narrowest,
    search_core.preferred,
    search_core.wasted,
)
"""What `search` calls, directly or not. Numba compiles each one where compiled code calls it."""

for _helper in _HELPERS:
    register_jitable(_helper)


def _compiled() -> Callable[[search_core.Problem, search_core.State, int, int], int]:
    """Wrap the search, to be compiled at its first call; kept on disk if some folder may be written."""
    made: Callable[[search_core.Problem, search_core.State, int, int], int]
    try:
        made = numba.njit(cache=True)(search_core.search)
    except RuntimeError:  # numba found no such folder
        made = numba.njit(cache=False)(search_core.search)
    return made


search = _compiled()
"""`search_core.search`; problem and state hold int64 arrays."""
