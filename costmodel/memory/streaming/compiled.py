"""The packing of streams in machine code: `packing_core.pack`, compiled from the same source."""

from sparse_mcu.costmodel.memory.streaming import packing_core
from sparse_mcu.costmodel.native import compiled

pack = compiled(
    packing_core.pack, (packing_core.take, packing_core.change, packing_core.lifted, packing_core.first_fit)
)
"""`packing_core.pack`; slabs and packing hold int64 arrays."""
