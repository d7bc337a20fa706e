"""Loads a model in five steps: gate, source, lowering, passes, names."""

from pathlib import Path

from sparse_mcu.costmodel.graph.gate import admit
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.lowering.lower import lower
from sparse_mcu.costmodel.graph.naming import name_as_source
from sparse_mcu.costmodel.graph.passes import run_passes
from sparse_mcu.costmodel.graph.source import read_source


def load_graph(path: Path | str, *, pads_folded: bool = True) -> Graph:
    """Loads an ONNX model (QDQ, int8) as an immutable graph.

    * Feature maps, inputs and outputs are stored NHWC with batch 1, whatever the model's layout.
    * uint8 activations become int8: codes and zero points are shifted by -128.
    * The graph begins and ends in int8: a QuantizeLinear at a float input and a DequantizeLinear at an output vanish.

    `sparse_mcu.costmodel.graph.ports` converts arrays between the model's form and the stored form.

    Args:
        path: The model file. External data must lie beside it.
        pads_folded: Whether convolutions and pools take over the Pads before them.

    Raises:
        ModelError: The file is missing, broken or hostile, has dynamic shapes, or contradicts itself.
        UnsupportedOperatorError: A node has no rule. The message names the folder to add one to.
        UnsupportedQuantizationError: A node is not quantised in a way that integer arithmetic can follow.
    """
    source = read_source(admit(Path(path)))
    graph, values = lower(source)
    return name_as_source(run_passes(graph, pads_folded=pads_folded), source, values)
