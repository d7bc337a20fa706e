"""The immutable graph that every later stage reads."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sparse_mcu.costmodel.graph.operators import Operator
from sparse_mcu.costmodel.graph.tensor import Tensor

ElementType = Literal["float32", "int8", "uint8"]


@dataclass(frozen=True, slots=True)
class Port:
    """The form of an input or output in the ONNX file; see `sparse_mcu.costmodel.graph.ports`.

    Attributes:
        shape: Its shape in ONNX axes, with batch 1.
        permutation: Axis i of the stored tensor is ONNX axis permutation[i].
        dtype: Its element type in the file. float32 if a QuantizeLinear or DequantizeLinear was dropped.
    """

    shape: tuple[int, ...]
    permutation: tuple[int, ...]
    dtype: ElementType


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A lowered int8 network.

    Attributes:
        name: The stem of the model file. Users know the model by it; the name inside the file is the exporter's.
        sha256: The hash of the model file and its external data; hex.
        tensors: Every activation by name. Constants are part of the operators.
        operators: The operators in the order of the file, which is topological.
        inputs: The names of the tensors that the caller fills.
        outputs: The names of the tensors that the caller reads.
        ports: The form of each input and output in the ONNX file.
    """

    name: str
    sha256: str
    tensors: Mapping[str, Tensor]
    operators: tuple[Operator, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ports: Mapping[str, Port] = field(default_factory=dict)

    def tensor(self, name: str) -> Tensor:
        """Returns the tensor of that name."""
        return self.tensors[name]

    def output_of(self, operator: Operator) -> Tensor:
        """Returns the tensor that `operator` writes."""
        return self.tensors[operator.output]

    def inputs_of(self, operator: Operator) -> tuple[Tensor, ...]:
        """Returns the tensors that `operator` reads."""
        return tuple(self.tensors[name] for name in operator.inputs)

    def readers(self) -> Counter[str]:
        """Counts for each tensor how often operators read it; an output of the graph counts as one reader more."""
        counted = Counter(name for operator in self.operators for name in operator.inputs)
        counted.update(self.outputs)
        return counted

    def makers(self) -> dict[str, Operator]:
        """Returns the operator that makes each tensor, by the tensor's name; inputs of the graph have none."""
        return {operator.output: operator for operator in self.operators}
