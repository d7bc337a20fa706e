"""From a graph to a memory problem: which buffers exist, how long each lives, and how small a plan can get."""
