"""The comparison with msf-CNN: its networks are its networks, and ours need no more."""

import pytest

from sparse_mcu.benchmarks.streaming import NETWORKS, Kernels, Network, graph_of, least_need
from sparse_mcu.costmodel.graph import Add, Conv2d, Graph
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.costmodel.memory.streaming.needs import macs_of

VANILLA = {"MobileNetV2 0.35 r144": 194400, "MCUNetV2-VWW r80": 96000, "MCUNet-320KB r176": 309760}
"""msf-CNN's figures without fusion: the largest input and output of a layer together."""


def multiplications(graph: Graph) -> list[int]:
    return [macs_of(graph, each) for each in graph.operators if isinstance(each, Conv2d)]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_layers_are_those_of_the_paper(network: Network) -> None:
    graph = graph_of(network, is_whole=False)
    sizes = [(graph.tensor(each.inputs[0]).size_bytes, graph.output_of(each).size_bytes) for each in graph.operators]
    assert max(read + written for read, written in sizes[1:]) == VANILLA[network.name]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_whole_networks_have_the_additions_besides(network: Network) -> None:
    chain, whole = (graph_of(network, is_whole=each) for each in (False, True))
    assert any(isinstance(each, Add) for each in whole.operators)
    assert multiplications(chain) == multiplications(whole)


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_ours_need_no_more_at_the_same_multiplications(network: Network) -> None:
    graph, (published, factor) = graph_of(network, is_whole=False), network.published
    levers = Levers(streaming=True, max_recompute=factor)
    assert least_need(graph, Kernels(), levers, (*graph.inputs, *graph.outputs)) <= published
