"""Reads and lowers the two small networks of `sparse_mcu.benchmarks.networks`, each once in a test process.

Many tests look at the same firmware. What they get is immutable, so they can share it.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph import Graph, load_graph
from sparse_mcu.simulation.analysis.lowering import LoweredModel, lower_model
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions


@cache
def network_graph(network: str) -> Graph:
    """Returns a network of NETWORKS, read from its file."""
    with TemporaryDirectory() as folder:
        return load_graph(write_network(network, Path(folder)))


@cache
def lowered_network(network: str, board: str, options: BuildOptions = DEFAULTS) -> LoweredModel:
    """Returns a network of NETWORKS as firmware sources for a board that is named."""
    with TemporaryDirectory() as folder:
        return lower_model(write_network(network, Path(folder)), load_board(board), options)
