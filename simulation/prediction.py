"""Cycles before anything is built: the kernels' cost models, by which they are chosen, layer by layer."""

from costmodel.devices.types import Core
from costmodel.graph import Graph
from costmodel.report import PredictedCycles, PredictedLayer
from simulation.firmware.kernels import select_kernels
from simulation.firmware.kernels.choice import predicted
from simulation.firmware.source import FirmwareSource


def predict_cycles(graph: Graph, core: Core, source: FirmwareSource) -> PredictedCycles:
    """What each layer of `source` is predicted to take.

    Kernels without factors have no prediction; nor have operators that are streamed, for the cost models are of
    whole layers.

    Args:
        graph: What `source` computes.
        core: What it runs on.
        source: The firmware.
    """
    streams = source.plan.streams
    streamed = {*streams, *(name for stream in streams.values() for name in stream.operators)}
    whole = {layer.operator: layer.kernel for layer in source.layers if layer.operator not in streamed}
    implementations = select_kernels(graph, core, kernels=whole)
    costs = {name: predicted(implementations[name]) for name in whole}
    layers = [
        PredictedLayer(
            layer=layer.operator,
            kernel=layer.kernel,
            cycles=round(cost.cycles) if (cost := costs.get(layer.operator)) else None,
        )
        for layer in source.layers
    ]
    known = [layer.cycles for layer in layers if layer.cycles is not None]
    return PredictedCycles(total=sum(known), predicted_layers=len(known), layers=layers)
