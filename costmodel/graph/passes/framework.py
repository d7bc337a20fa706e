"""What a pass is, and how passes run until all of them are content."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sparse_mcu.costmodel.graph.graph import Graph

MAX_ROUNDS: Final = 16
"""How often all passes run at most; networks need two or three rounds."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pass:
    """One way to leave less to run, and the state that it aims for.

    Attributes:
        rewrite: Returns a graph that computes the same outputs.
        ensures: Tells whether a graph is in the state that `rewrite` aims for, so that nothing is left to do.
    """

    rewrite: Callable[[Graph], Graph]
    ensures: Callable[[Graph], bool]

    @property
    def name(self) -> str:
        """The name of the rewriting function."""
        return self.rewrite.__name__

    def __call__(self, graph: Graph) -> Graph:
        """Rewrites the graph, or returns the same object if nothing is left to do."""
        if self.ensures(graph):
            return graph
        rewritten = self.rewrite(graph)
        _log.debug("%s: %s: %d operators become %d", graph.name, self.name, *map(_size, (graph, rewritten)))
        return rewritten


def settle(graph: Graph, passes: Sequence[Pass]) -> Graph:
    """Runs the passes in order, again and again, until none has anything left to do.

    One pass makes work for another: to fold a Transpose into weights can leave two Reshapes in a row.
    """
    for _ in range(MAX_ROUNDS):
        before = graph
        for each in passes:
            graph = each(graph)
        if graph is before:
            return graph
    _log.debug("%s: the passes still had work after %d rounds", graph.name, MAX_ROUNDS)
    return graph


def _size(graph: Graph) -> int:
    return len(graph.operators)
