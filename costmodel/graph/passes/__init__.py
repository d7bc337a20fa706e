"""Passes from graph to graph. Each keeps what the network computes and leaves less to run."""

from typing import Final

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.passes.clamps import clamps_are_joined, join_clamps
from sparse_mcu.costmodel.graph.passes.dead import nothing_is_dead, remove_dead
from sparse_mcu.costmodel.graph.passes.dense import dense_reads_no_transpose, fold_views_into_dense
from sparse_mcu.costmodel.graph.passes.framework import Pass, settle
from sparse_mcu.costmodel.graph.passes.gather import (
    fold_views_into_gather,
    gather_reads_no_transpose,
    gathers_ascend,
    sort_gathers,
)
from sparse_mcu.costmodel.graph.passes.padding import fold_padding, log_kept_padding, padding_is_folded
from sparse_mcu.costmodel.graph.passes.views import simplify_views, views_are_simple

PADDING: Final = Pass(fold_padding, padding_is_folded)
"""The one pass that a caller can switch off."""

PASSES: Final = (
    Pass(simplify_views, views_are_simple),
    Pass(remove_dead, nothing_is_dead),
    Pass(join_clamps, clamps_are_joined),
    Pass(fold_views_into_dense, dense_reads_no_transpose),
    Pass(fold_views_into_gather, gather_reads_no_transpose),
    Pass(sort_gathers, gathers_ascend),
    PADDING,
)
"""All passes. Dead operators go early, because an operator that has two readers keeps its clamp and its border."""


def run_passes(graph: Graph, *, pads_folded: bool = True) -> Graph:
    """Runs all passes until nothing is left to do.

    Args:
        graph: The graph as the lowering made it.
        pads_folded: Whether windows take over the borders before them; the outputs are the same either way.
    """
    graph = settle(graph, [each for each in PASSES if pads_folded or each is not PADDING])
    log_kept_padding(graph)
    return graph


__all__ = [
    "PADDING",
    "PASSES",
    "Pass",
    "fold_padding",
    "fold_views_into_dense",
    "fold_views_into_gather",
    "join_clamps",
    "remove_dead",
    "run_passes",
    "settle",
    "simplify_views",
    "sort_gathers",
]
