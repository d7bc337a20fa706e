"""Chooses kernels for the stages of streams.

The planner asks what each stage needs from memory. Later the generator asks for the code, and gets the same kernels.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Conv2d, MaxPool2d, Operator, Window
from sparse_mcu.costmodel.graph.tensor import Tensor
from sparse_mcu.costmodel.memory.model.budget import Meter
from sparse_mcu.costmodel.memory.model.plan import KernelContract
from sparse_mcu.costmodel.memory.model.stream import Stage
from sparse_mcu.costmodel.memory.streaming import Streams
from sparse_mcu.simulation.firmware.choice.costs import preferred
from sparse_mcu.simulation.firmware.choice.selection import candidates_of
from sparse_mcu.simulation.firmware.kernels import Implementation, Site
from sparse_mcu.simulation.firmware.options import Optimise

_Form = tuple[str, Window | None, tuple[tuple[int, ...], ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class StageKernels:
    """Chooses a kernel for one call of a stage, and gives the same answer each time.

    A stage computes a few rows per call. So the operator is the network's, but its tensors are those of one call.

    Attributes:
        core: The core that runs it.
        optimise: The goal of the choice.
        kernels: Operator -> kernel, for operators whose kernel is settled. If such a kernel does not take the call, the
            operator cannot be streamed.
        else_any: Choose freely if a settled kernel does not take the call.
        lean: Operators that get the kernel with the least working memory.
        choices: The answers so far: for each form of a call, its implementations, best first.
        contracts: What they need from memory, as far as that was asked.
        streams: The streams that were built so far, if they are of one graph.
        meter: Ends the searches of the plans that are made with these kernels.
    """

    core: Core
    optimise: Optimise
    kernels: Mapping[str, str] = field(default_factory=dict)
    else_any: bool = False
    lean: frozenset[str] = frozenset()
    choices: dict[_Form, Sequence[Implementation]] = field(default_factory=dict)
    contracts: dict[Implementation, KernelContract] = field(default_factory=dict)
    streams: Streams | None = None
    meter: Meter | None = None

    def leaner(self, operators: Iterable[str]) -> "StageKernels":
        """Returns a copy in which these operators are lean too."""
        return replace(self, lean=self.lean.union(operators))

    def contract(self, operator: Operator, inputs: tuple[Tensor, ...], output: Tensor) -> KernelContract | None:
        """Returns what one call needs from memory; None if no kernel computes it."""
        chosen = self._of(operator, inputs, output)
        if chosen is None:
            return None
        if chosen not in self.contracts:
            self.contracts[chosen] = chosen.contract
        return self.contracts[chosen]

    def of(self, stage: Stage) -> Implementation:
        """Returns the implementation of a stage.

        Raises:
            UnsupportedOperatorError: No kernel computes it.
        """
        chosen = self._of(stage.operator, stage.inputs, stage.output)
        if chosen is None:
            raise UnsupportedOperatorError(
                f"no kernel computes rows of {type(stage.operator).__name__} on {self.core.name}",
                where=stage.operator.name,
                fix="Plan without streaming.",
            )
        return chosen

    def _of(self, operator: Operator, inputs: tuple[Tensor, ...], output: Tensor) -> Implementation | None:
        window = operator.window if isinstance(operator, Conv2d | MaxPool2d | AveragePool2d) else None
        form = operator.name, window, tuple(tensor.shape for tensor in inputs), output.shape
        if form not in self.choices:
            self.choices[form] = self._found(Site(operator, inputs, output, self.core))
        choices = self.choices[form]
        if operator.name in self.lean:
            return min(choices, key=lambda each: each.scratch_bytes, default=None)
        return choices[0] if choices else None

    def _found(self, site: Site) -> Sequence[Implementation]:
        """Lists what computes the site, best first; nothing if no kernel does."""
        try:
            candidates = candidates_of(site, self.kernels.get(site.operator.name), else_any=self.else_any)
        except UnsupportedOperatorError:
            return ()
        return preferred(candidates, self.optimise)
