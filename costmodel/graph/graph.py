"""The immutable graph: what every later stage reads."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sparse_mcu.costmodel.graph.operators import Operator
from sparse_mcu.costmodel.graph.tensor import Tensor

ElementType = Literal["float32", "int8", "uint8"]


@dataclass(frozen=True, slots=True)
class Port:
    """How an input or output of the graph looks in the ONNX file; see `sparse_mcu.costmodel.graph.ports`.

    Attributes:
        shape: In ONNX axes, batch 1.
        permutation: Axis i of the stored tensor is ONNX axis permutation[i].
        dtype: Element type in the file; float32 where the boundary's QuantizeLinear or DequantizeLinear was dropped.
    """

    shape: tuple[int, ...]
    permutation: tuple[int, ...]
    dtype: ElementType


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A lowered int8 network.

    Attributes:
        name: The stem of the model file: what users know the model by; exporters write their own name inside.
        sha256: Hash of the model file (all of its parts), hex.
        tensors: Every activation by name; constants live in the operators.
        operators: In a topological order (the file's).
        inputs: Names of the tensors that the caller fills.
        outputs: Names of the tensors that the caller reads.
        ports: For each input and output, its form in the ONNX file.
    """

    name: str
    sha256: str
    tensors: Mapping[str, Tensor]
    operators: tuple[Operator, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ports: Mapping[str, Port] = field(default_factory=dict)

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name."""
        return self.tensors[name]

    def output_of(self, operator: Operator) -> Tensor:
        """The tensor that `operator` writes."""
        return self.tensors[operator.output]

    def inputs_of(self, operator: Operator) -> tuple[Tensor, ...]:
        """The tensors that `operator` reads."""
        return tuple(self.tensors[name] for name in operator.inputs)

    def readers(self) -> Counter[str]:
        """Counts for each tensor how often operators read it; an output of the graph counts as one reader more."""
        counted = Counter(name for operator in self.operators for name in operator.inputs)
        counted.update(self.outputs)
        return counted

    def makers(self) -> dict[str, Operator]:
        """Returns the operator that makes each tensor, by the tensor's name; inputs of the graph have none."""
        return {operator.output: operator for operator in self.operators}
