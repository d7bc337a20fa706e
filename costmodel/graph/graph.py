"""The immutable graph: what every later stage reads."""

from collections.abc import Mapping
from dataclasses import dataclass

from costmodel.graph.operators import Operator
from costmodel.graph.tensor import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A lowered int8 network.

    Attributes:
        name: From the model file.
        sha256: Hash of the model file (all of its parts), hex.
        tensors: Every activation by name; constants live in the operators.
        operators: In a topological order (the file's).
        inputs: Names of the tensors that the caller fills.
        outputs: Names of the tensors that the caller reads.
    """

    name: str
    sha256: str
    tensors: Mapping[str, Tensor]
    operators: tuple[Operator, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name."""
        return self.tensors[name]

    def output_of(self, operator: Operator) -> Tensor:
        """The tensor that `operator` writes."""
        return self.tensors[operator.output]

    def inputs_of(self, operator: Operator) -> tuple[Tensor, ...]:
        """The tensors that `operator` reads."""
        return tuple(self.tensors[name] for name in operator.inputs)
