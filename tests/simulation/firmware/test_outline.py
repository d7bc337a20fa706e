"""Outlines of firmware: the figures of the firmware that is written, without writing it."""

import pytest
from small_networks import lowered_network

from sparse_mcu.benchmarks.networks import NETWORKS
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.simulation.analysis.lowering import with_leaner_pads
from sparse_mcu.simulation.analysis.prediction import predict_cycles
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions
from sparse_mcu.simulation.firmware.outline import outline_firmware

STREAMS = BuildOptions(levers=Levers(streaming=True, max_recompute=1.5))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("board", ["microbit", "nucleo-l4r5zi"])
@pytest.mark.parametrize("options", [DEFAULTS, STREAMS, BuildOptions("flash")], ids=["default", "streams", "flash"])
def test_an_outline_has_the_plan_the_sizes_and_the_cycles_of_the_firmware(
    network: str, board: str, options: BuildOptions
) -> None:
    lowered = lowered_network(network, board, options)
    core, source = load_board(board).core, lowered.source
    model = NETWORKS[network]()
    graph, outline = with_leaner_pads(model, options, lambda g: outline_firmware(g, core, options), lambda o: o.plan)
    assert len(graph.operators) == len(lowered.graph.operators)
    assert (outline.plan.schedule, outline.plan.offsets) == (source.plan.schedule, source.plan.offsets)
    assert (outline.weights_bytes, outline.constants_bytes, outline.vectors_bytes) == (
        source.weights_bytes,
        source.constants_bytes,
        source.vectors_bytes,
    )
    cycles = predict_cycles(lowered.graph, core, source)
    assert outline.cycles == pytest.approx(cycles.total, abs=len(cycles.layers))
    assert outline.code_bytes > 100
