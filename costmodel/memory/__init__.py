"""Order and offsets: the exact peak RAM of a graph."""

from costmodel.memory.planner import plan_memory
from costmodel.memory.problem import problem_of

__all__ = ["plan_memory", "problem_of"]
