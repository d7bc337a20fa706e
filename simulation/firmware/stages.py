"""Kernels for the stages of streams: the planner asks what they need, the generator takes the same ones."""

from collections.abc import Mapping

from costmodel.devices.types import Core
from costmodel.errors import UnsupportedOperatorError
from costmodel.graph.operators import AveragePool2d, Conv2d, MaxPool2d, Operator, Window
from costmodel.graph.tensor import Tensor
from costmodel.memory.plan import KernelContract
from costmodel.memory.stream import Stage
from simulation.firmware.kernels import Implementation, Optimise, Site, candidates_of
from simulation.firmware.kernels.choice import preferred

_Form = tuple[str, Window | None, tuple[tuple[int, ...], ...], tuple[int, ...]]


class StageKernels:
    """Chooses a kernel for an operator in the form of one call, the same one whenever it is asked.

    Args:
        core: The core that runs it.
        optimise: What to choose by.
        kernels: Operator -> kernel, where that is settled already.
    """

    def __init__(self, core: Core, optimise: Optimise, kernels: Mapping[str, str] | None = None) -> None:
        self._core, self._optimise, self._kernels = core, optimise, kernels or {}
        self._chosen: dict[_Form, Implementation | None] = {}

    def contract(self, operator: Operator, inputs: tuple[Tensor, ...], output: Tensor) -> KernelContract | None:
        """What one call needs from memory; None if no kernel computes it."""
        chosen = self._of(operator, inputs, output)
        return None if chosen is None else chosen.contract

    def of(self, stage: Stage) -> Implementation:
        """The implementation of a stage.

        Raises:
            UnsupportedOperatorError: No kernel computes it.
        """
        chosen = self._of(stage.operator, stage.inputs, stage.output)
        if chosen is None:
            raise UnsupportedOperatorError(
                f"no kernel computes rows of {type(stage.operator).__name__} on {self._core.name}",
                where=stage.operator.name,
                fix="Plan without streaming.",
            )
        return chosen

    def _of(self, operator: Operator, inputs: tuple[Tensor, ...], output: Tensor) -> Implementation | None:
        window = operator.window if isinstance(operator, Conv2d | MaxPool2d | AveragePool2d) else None
        form = operator.name, window, tuple(tensor.shape for tensor in inputs), output.shape
        if form not in self._chosen:
            self._chosen[form] = self._choose(Site(operator, inputs, output, self._core))
        return self._chosen[form]

    def _choose(self, site: Site) -> Implementation | None:
        try:
            found = preferred(candidates_of(site, self._kernels.get(site.operator.name)), self._optimise)
        except UnsupportedOperatorError:
            return None
        return found[0] if self._optimise == "speed" else min(found, key=lambda each: each.scratch_bytes)
