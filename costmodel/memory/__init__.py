"""Order and offsets: the exact peak RAM of a graph."""

from sparse_mcu.costmodel.memory.model.budget import Budget
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers
from sparse_mcu.costmodel.memory.planning.planner import plan_graph, plan_memory
from sparse_mcu.costmodel.memory.problem.problem import problem_of

__all__ = ["ALL", "Budget", "Levers", "plan_graph", "plan_memory", "problem_of"]
