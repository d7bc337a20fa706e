"""Draws random graphs for the planner, of any size: what searches for architectures may meet.

Four families, each tensor of 1,024 to 16,384 bytes in steps of 1,024:

- "chain": a chain in which every third operator also reads the output of an earlier one, up to ten steps before.
- "series-parallel": begins as one edge; edges are replaced at random by two in a row or by two side by side, until
  there are enough. The edges are tensors, the nodes operators.
- "small-world": a cell as in RandWire (Xie et al., "Exploring randomly wired neural networks for image recognition",
  ICCV 2019): a ring in which each node is joined to its four nearest ones, and every edge is bent to a random node with
  a probability of 0.75 (Watts and Strogatz, Nature 393, 1998). Edges go from the lower to the higher number, and all
  tensors have the same size.
- "layered": eight operators a layer; each reads up to three outputs of the layer before.
"""

from collections.abc import Callable, Mapping

import numpy as np

from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Step

_UNIT_BYTES, _MOST_UNITS = 1024, 16
_NEIGHBOURS, _BENT = 4, 0.75
_REACH, _EVERY = 10, 3
_WIDE, _READ = 8, 3

Edges = list[tuple[int, int]]
"""(Writer, reader) of each tensor, the writer having the lower number."""


def random_graph(family: str, operators: int, seed: int) -> MemoryProblem:
    """Returns a random graph.

    Args:
        family: One of `FAMILIES`.
        operators: About how many it has: those without a reader or a writer get a common one.
        seed: The same seed gives the same graph.
    """
    rng = np.random.default_rng([operators, seed])
    edges = FAMILIES[family](operators, rng)
    sizes = [_UNIT_BYTES * _MOST_UNITS] * operators
    if family != "small-world":
        sizes = [_UNIT_BYTES * int(units) for units in rng.integers(1, _MOST_UNITS + 1, operators)]
    return _problem(operators, edges, sizes)


def _problem(operators: int, edges: Edges, sizes: list[int]) -> MemoryProblem:
    """Makes every node a step that writes one tensor. Nodes without a writer read the graph's input."""
    reads: list[list[str]] = [[] for _ in range(operators)]
    for writer, reader in dict.fromkeys(edges):
        reads[reader].append(f"t{writer}")
    read = {name for names in reads for name in names}
    last = [f"t{node}" for node in range(operators) if f"t{node}" not in read]
    steps = [Step(f"o{node}", tuple(reads[node] or ["x"]), (f"t{node}",)) for node in range(operators)]
    steps.append(Step("end", tuple(last), ("y",)))
    every = {"x": _UNIT_BYTES, "y": _UNIT_BYTES} | {f"t{node}": size for node, size in enumerate(sizes)}
    return MemoryProblem(sizes_bytes=every, steps=tuple(steps), inputs=("x",), outputs=("y",))


def _chain(operators: int, rng: np.random.Generator) -> Edges:
    edges = [(node - 1, node) for node in range(1, operators)]
    skips = range(_EVERY, operators, _EVERY)
    return edges + [(int(rng.integers(max(0, node - _REACH), node)), node) for node in skips]


def _series_parallel(operators: int, rng: np.random.Generator) -> Edges:
    edges, nodes = [(0, 1)], 2
    while nodes < operators:
        at = int(rng.integers(len(edges)))
        writer, reader = edges[at]
        if rng.random() < 1 / 2:
            edges[at] = (writer, nodes)
            edges.append((nodes, reader))
        else:
            edges += [(writer, nodes), (nodes, reader)]
        nodes += 1
    return _numbered(nodes, edges)


def _numbered(nodes: int, edges: Edges) -> Edges:
    """Numbers nodes anew, so that every writer comes before its readers."""
    waiting, readers = [0] * nodes, [list[int]() for _ in range(nodes)]
    for writer, reader in edges:
        waiting[reader] += 1
        readers[writer].append(reader)
    order = [node for node in range(nodes) if not waiting[node]]
    for node in order:
        for reader in readers[node]:
            waiting[reader] -= 1
            if not waiting[reader]:
                order.append(reader)
    number = {node: at for at, node in enumerate(order)}
    return [(number[writer], number[reader]) for writer, reader in edges]


def _small_world(operators: int, rng: np.random.Generator) -> Edges:
    edges: Edges = []
    for distance in range(1, _NEIGHBOURS // 2 + 1):
        for node in range(operators):
            other = (node + distance) % operators
            if rng.random() < _BENT:
                other = int(rng.choice([each for each in range(operators) if each != node]))
            edges.append((min(node, other), max(node, other)))
    return edges


def _layered(operators: int, rng: np.random.Generator) -> Edges:
    edges: Edges = []
    for node in range(_WIDE, operators):
        first = node // _WIDE * _WIDE - _WIDE
        chosen = rng.choice(_WIDE, size=int(rng.integers(1, _READ + 1)), replace=False)
        edges += [(first + int(each), node) for each in chosen]
    return edges


FAMILIES: Mapping[str, Callable[[int, np.random.Generator], Edges]] = {
    "chain": _chain,
    "series-parallel": _series_parallel,
    "small-world": _small_world,
    "layered": _layered,
}
"""What draws the edges of each family."""
