"""First fit for many buffers in machine code: `scan.first_fit`, compiled from the same source."""

from sparse_mcu.costmodel.memory.placement import scan
from sparse_mcu.costmodel.native import compiled

first_fit = compiled(scan.first_fit)
"""`scan.first_fit`; all arguments are int64 arrays."""
