"""Order and offsets: the exact peak RAM of a graph."""

from costmodel.memory.levers import ALL, Levers
from costmodel.memory.planner import plan_graph, plan_memory
from costmodel.memory.problem import problem_of

__all__ = ["ALL", "Levers", "plan_graph", "plan_memory", "problem_of"]
