"""Order and offsets: the exact peak RAM of a graph."""

from sparse_mcu.costmodel.memory.levers import ALL, Levers
from sparse_mcu.costmodel.memory.planner import plan_graph, plan_memory
from sparse_mcu.costmodel.memory.problem import problem_of

__all__ = ["ALL", "Levers", "plan_graph", "plan_memory", "problem_of"]
