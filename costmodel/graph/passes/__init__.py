"""Graph to graph: each pass keeps what the network computes and leaves less to run."""

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.passes.clamps import join_clamps
from sparse_mcu.costmodel.graph.passes.dead import remove_dead
from sparse_mcu.costmodel.graph.passes.dense import fold_views_into_dense
from sparse_mcu.costmodel.graph.passes.gather import fold_views_into_gather, sort_gathers
from sparse_mcu.costmodel.graph.passes.padding import fold_padding
from sparse_mcu.costmodel.graph.passes.views import simplify_views


def run_passes(graph: Graph, *, pads_folded: bool = True) -> Graph:
    """All passes, in the order that each one needs.

    Args:
        graph: As the lowering made it.
        pads_folded: Whether windows take over the borders before them; the outputs are the same either way.
    """
    for improve in (
        simplify_views,
        remove_dead,
        join_clamps,
        fold_views_into_dense,
        fold_views_into_gather,
        sort_gathers,
        simplify_views,
    ):
        graph = improve(graph)
    return remove_dead(fold_padding(graph) if pads_folded else graph)


__all__ = [
    "fold_padding",
    "fold_views_into_dense",
    "fold_views_into_gather",
    "join_clamps",
    "remove_dead",
    "run_passes",
    "simplify_views",
    "sort_gathers",
]
