"""Defines what a kernel is: a way to compute some operators on some cores."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.errors import PlanError
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Operator
from sparse_mcu.costmodel.graph.tensor import Tensor
from sparse_mcu.costmodel.memory.model.access import AccessPattern, safe_distance_bytes
from sparse_mcu.costmodel.memory.model.plan import KernelContract
from sparse_mcu.simulation.firmware.kernels.rescaling import parts_of
from sparse_mcu.simulation.firmware.kernels.work import Work
from sparse_mcu.simulation.firmware.rendering import render
from sparse_mcu.simulation.firmware.source import Constant


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """Describes where a kernel is used.

    Attributes:
        operator: The operator to compute.
        inputs: The tensors that it reads.
        output: The tensor that it writes.
        core: The core that runs it.
        output_pitch: Bytes from one pixel of the output to the next; 0 if they lie side by side.
        input_pitches: The same for each input; empty if the pixels of all inputs lie side by side.
    """

    operator: Operator
    inputs: tuple[Tensor, ...]
    output: Tensor
    core: Core
    output_pitch: int = 0
    input_pitches: tuple[int, ...] = ()

    @property
    def pitch(self) -> int:
        """Bytes from one pixel of the output to the next."""
        return self.output_pitch or self.output.shape[-1]

    @property
    def from_pitches(self) -> tuple[int, ...]:
        """Bytes from one pixel to the next, for each input."""
        pitches = self.input_pitches or (0,) * len(self.inputs)
        return tuple(pitch or tensor.shape[-1] for tensor, pitch in zip(self.inputs, pitches, strict=True))

    @property
    def is_apart(self) -> bool:
        """Whether pixels of an input may have other bytes between them, and may begin at any address."""
        return any(self.input_pitches)


def site_of(graph: Graph, operator: Operator, core: Core) -> Site:
    """Returns the site of `operator` in `graph`."""
    return Site(operator, graph.inputs_of(operator), graph.output_of(operator), core)


@dataclass(frozen=True, slots=True, eq=False)
class Implementation:
    """Describes a kernel that was fitted to one operator.

    Attributes:
        kernel: The kernel's name; its template is kernels/<kernel>.c.j2.
        site: Where it is used.
        access: For each input, the order in which the template reads it and writes the output.
        constants: Its arrays in flash. In the firmware, each symbol begins with "<function>_".
        details: What the template reads besides the operator, the tensors and the core.
        scratch_bytes: Working memory while it runs. If there is any, it is the last argument of the function.
        takes_pitch: Whether the template can write pixels at the site's pitch, to any address.
        in_place: Whether the output may lie exactly over the only input, if both are equally large.
        reads_pitch: The kernel itself, if it can also read inputs at any pitch; None if it cannot.
        work: What its cycles grow with; None for a kernel without competitors, whose cycles are not predicted.
    """

    kernel: str
    site: Site
    access: tuple[AccessPattern, ...]
    constants: tuple[Constant, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)
    scratch_bytes: int = 0
    takes_pitch: bool = False
    in_place: bool = False
    reads_pitch: "Kernel | None" = None
    work: Work | None = None

    @property
    def contract(self) -> KernelContract:
        """What it needs from memory.

        A tensor may be two inputs at once. Its distance to the output must then be safe for both readings.
        """
        distances: dict[str, int] = {}
        for tensor, access in zip(self.site.inputs, self.access, strict=True):
            distance = safe_distance_bytes(access, tensor.size_bytes)
            distances[tensor.name] = max(distance, distances.get(tensor.name, distance))
        at_pitches = None if self.reads_pitch is None else self._contracts_at_pitches()
        return KernelContract(self.scratch_bytes, distances, self.takes_pitch, self.in_place, at_pitches)

    def _contracts_at_pitches(self) -> Callable[[Mapping[str, int]], KernelContract]:
        """Returns a function that gives the contract for pixels at given pitches.

        It remembers its answers, because a planner asks for the same contract in many problems.
        """
        known: dict[frozenset[tuple[str, int]], KernelContract] = {}

        def contract(pitches: Mapping[str, int]) -> KernelContract:
            key = frozenset(pitches.items())
            if key not in known:
                known[key] = self.at_pitches(pitches).contract
            return known[key]

        return contract

    def at_pitches(self, pitches: Mapping[str, int]) -> "Implementation":
        """Returns the implementation for pixels that lie apart.

        Args:
            pitches: Tensor -> bytes from one pixel to the next. The pixels of all other tensors lie side by side.

        Raises:
            PlanError: The kernel cannot read at a pitch.
        """
        inputs = tuple(pitches.get(tensor.name, 0) for tensor in self.site.inputs)
        output = pitches.get(self.site.output.name, 0)
        if not output and not any(inputs):
            return self
        if self.reads_pitch is None and not any(inputs):
            return replace(self, site=replace(self.site, output_pitch=output))
        site = replace(self.site, output_pitch=output, input_pitches=inputs if any(inputs) else ())
        moved = self.reads_pitch(site) if self.reads_pitch else None
        if moved is None:
            name = self.site.operator.name
            raise PlanError(f"{self.kernel} cannot read pixels that lie apart", where=name, fix="Plan memory again.")
        return moved

    def render(self, symbol: str) -> str:
        """Returns the C function named `symbol`.

        Its arguments are pointers to the inputs, to the output, and to the working memory if there is any.
        """
        site = self.site
        return render(
            f"kernels/{self.kernel}.c.j2",
            symbol=symbol,
            operator=site.operator,
            inputs=site.inputs,
            output=site.output,
            core=site.core,
            pitch=site.pitch,
            parts=parts_of(site.operator, site.inputs[0].quantization.zero_point, site.core),
            next_pixel=str(site.output_pitch or "OUT_CHANNELS"),
            from_pitches=site.from_pitches,
            is_apart=site.is_apart,
            in_pixel=str(site.from_pitches[0] if site.is_apart else "IN_CHANNELS"),
            **self.details,
        )


class Kernel(Protocol):
    """Fits a kernel to a site, or returns None for a site that it does not support."""

    __name__: str

    def __call__(self, site: Site, /) -> Implementation | None:
        """Returns the implementation for that site."""
        ...
