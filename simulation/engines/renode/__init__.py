"""The reference engine: Renode, a separate program driven through its monitor.

What it lacks decides how it is used:
- It has no pipeline, wait states or caches: only its exact instruction counts are taken, never its time.
- Its cores are supersets of the real ones, so code of another core runs; only a static check sees that.
- Its own block hook is too slow in Python: BlockCounter.cs counts inside Renode, which compiles it at load.
- Accesses outside the memories only log a warning, so the log is part of the verdict.
"""

from sparse_mcu.simulation.engines.renode.engine import RenodeEngine
from sparse_mcu.simulation.engines.renode.install import find_renode
from sparse_mcu.simulation.engines.renode.replay import write_replay

__all__ = ["RenodeEngine", "find_renode", "write_replay"]
