"""Predicts cycles before anything is built, layer by layer, by the cost models that choose the kernels."""

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.memory.model.stream import Stream
from sparse_mcu.costmodel.report import PredictedCycles, PredictedLayer
from sparse_mcu.simulation.firmware.choice.costs import predicted
from sparse_mcu.simulation.firmware.choice.selection import select_kernels
from sparse_mcu.simulation.firmware.choice.stages import StageKernels
from sparse_mcu.simulation.firmware.options import DEFAULT
from sparse_mcu.simulation.firmware.source import FirmwareSource


def predict_cycles(graph: Graph, core: Core, source: FirmwareSource) -> PredictedCycles:
    """Predicts the cycles of each layer of `source`.

    There is no prediction for kernels without factors, and none for what a stream does besides calling its layers.

    Args:
        graph: The graph that `source` computes.
        core: The core that it runs on.
        source: The firmware.
    """
    whole = source.whole_kernels
    implementations = select_kernels(graph, core, kernels=whole)
    costs = {name: cost.cycles for name in whole if (cost := predicted(implementations[name]))}
    stages = StageKernels(core, DEFAULT, source.kernels)
    for stream in source.plan.streams.values():
        costs |= _of_stages(stream, stages)
    layers = [
        PredictedLayer(
            layer=layer.label,
            kernel=layer.kernel,
            cycles=round(costs[layer.label]) if layer.label in costs else None,
            stream=layer.stream or None,
        )
        for layer in source.layers
    ]
    known = [layer.cycles for layer in layers if layer.cycles is not None]
    return PredictedCycles(total=sum(known), predicted_layers=len(known), layers=layers)


def _of_stages(stream: Stream, stages: StageKernels) -> dict[str, float]:
    """Returns the cycles of the stages that have a prediction: the cost of one call times the number of calls."""
    costs = {stage: predicted(stages.of(stage)) for stage in stream.stages}
    calls = {stage: stage.total_rows // stage.rows * stream.strips for stage in stream.stages}
    return {stage.operator.name: calls[stage] * cost.cycles for stage, cost in costs.items() if cost}
