"""Graph to graph: each pass keeps what the network computes and leaves less to run."""

from costmodel.graph.graph import Graph
from costmodel.graph.passes.clamps import join_clamps
from costmodel.graph.passes.dead import remove_dead
from costmodel.graph.passes.dense import fold_views_into_dense
from costmodel.graph.passes.views import simplify_views


def run_passes(graph: Graph) -> Graph:
    """All passes, in the order that each one needs."""
    for improve in (simplify_views, remove_dead, join_clamps, fold_views_into_dense, simplify_views, remove_dead):
        graph = improve(graph)
    return graph


__all__ = ["fold_views_into_dense", "join_clamps", "remove_dead", "run_passes", "simplify_views"]
