"""Loads a model in five steps: gate, source, lowering, passes, names."""

from sparse_mcu.costmodel.graph.gate import Model, admit
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.lowering.lower import lower
from sparse_mcu.costmodel.graph.naming import name_as_source
from sparse_mcu.costmodel.graph.passes import run_passes
from sparse_mcu.costmodel.graph.source import read_source


def load_graph(model: Model, *, pads_folded: bool = True) -> Graph:
    """Loads an ONNX model (QDQ, int8) as an immutable graph.

    * Feature maps, inputs and outputs are stored NHWC with batch 1, whatever the model's layout.
    * uint8 activations become int8: codes and zero points are shifted by -128.
    * The graph begins and ends in int8: a QuantizeLinear at a float input and a DequantizeLinear at an output vanish.

    `sparse_mcu.costmodel.graph.ports` converts arrays between the model's form and the stored form.

    Args:
        model: The path of the model, beside which external data must lie, or the model as a message in memory.
        pads_folded: Whether convolutions and pools take over the Pads before them.

    Raises:
        ModelError: The model is missing, broken or hostile, has dynamic shapes, or contradicts itself.
        UnsupportedOperatorError: A node has no rule. The message names the folder to add one to.
        UnsupportedQuantizationError: A node is not quantised in a way that integer arithmetic can follow.
    """
    source = read_source(admit(model))
    graph, values = lower(source)
    return name_as_source(run_passes(graph, pads_folded=pads_folded), source, values)
