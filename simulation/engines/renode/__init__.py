"""Drives Renode, the reference engine: a separate program that takes commands through its monitor.

Its limits decide how it is used:
- It has no pipeline, wait states or caches. Only its exact instruction counts are used, never its time.
- Its cores accept code of other cores, too. Only a static check sees that.
- Its own block hook is too slow in Python. BlockCounter.cs counts inside Renode, which compiles it at load.
- It only logs a warning about accesses outside the memories. So the log is part of the verdict.
"""

from sparse_mcu.simulation.engines.renode.engine import RenodeEngine
from sparse_mcu.simulation.engines.renode.install import find_renode
from sparse_mcu.simulation.engines.renode.replay import write_replay

__all__ = ["RenodeEngine", "find_renode", "write_replay"]
