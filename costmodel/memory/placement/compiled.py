"""The exact search in machine code: `search_core.search`, compiled from the same source.

The compiled search is the same, node for node, and some hundred times faster. Small plans never import this module,
since loading it takes half a second.
"""

from sparse_mcu.costmodel.memory.placement import search_core
from sparse_mcu.costmodel.native import compiled

_HELPERS = (
    search_core.place,
    search_core.refuse,
    search_core.leave_holes,
    search_core.is_consistent,
    search_core.narrowest,
    search_core.preferred,
    search_core.wasted,
)

search = compiled(search_core.search, _HELPERS)
"""`search_core.search`; problem and state hold int64 arrays."""
