"""Sums up firmware without writing it: its plan, the sizes of its constants, and the predicted costs of its kernels.

The plan and the constants are those of `sparse_mcu.simulation.firmware.generate.generate_firmware`. No template is
filled, which takes about half of the time that it takes to generate firmware for a small network.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan
from sparse_mcu.simulation.firmware.choice.costs import predicted
from sparse_mcu.simulation.firmware.choice.planning import Choices, choose_and_plan
from sparse_mcu.simulation.firmware.generate import VECTORS_BYTES, section_bytes
from sparse_mcu.simulation.firmware.kernels import Implementation
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions


@dataclass(frozen=True, slots=True, eq=False)
class FirmwareOutline:
    """What is known of firmware before it is written.

    Attributes:
        choices: Its kernels and its memory plan, from which `generate.write_firmware` writes it.
        weights_bytes: Size of section .weights, alignment included.
        constants_bytes: Size of section .constants, alignment included.
        vectors_bytes: Size of section .vectors.
        code_bytes: The code of the kernels as their cost models predict it, without the code around them.
        cycles: The cycles of one inference as the kernels' cost models predict them, at zero wait states.
    """

    choices: Choices
    weights_bytes: int
    constants_bytes: int
    vectors_bytes: int
    code_bytes: float
    cycles: float

    @property
    def plan(self) -> MemoryPlan:
        """The memory plan."""
        return self.choices[1]


def outline_firmware(graph: Graph, core: Core, options: BuildOptions = DEFAULTS) -> FirmwareOutline:
    """Chooses kernels and plans memory as `generate_firmware` does, and sums up the result.

    A kernel without a cost model adds neither code nor cycles.

    Args:
        graph: A validated graph.
        core: The core that runs it.
        options: How kernels are chosen, and what the memory plan may do.

    Raises:
        UnsupportedOperatorError: No kernel computes one of the operators.
    """
    choices = choose_and_plan(graph, core, options)
    used = list(_used(choices))
    constants = [constant for chosen, _ in used for constant in chosen.constants]
    code = cycles = 0.0
    for chosen, calls in used:
        cost = predicted(chosen)
        if cost is not None:
            code += cost.flash_bytes - sum(constant.size_bytes for constant in chosen.constants)
            cycles += calls * cost.cycles
    return FirmwareOutline(
        choices=choices,
        weights_bytes=section_bytes(constants, "weights"),
        constants_bytes=section_bytes(constants, "constants"),
        vectors_bytes=VECTORS_BYTES,
        code_bytes=code,
        cycles=cycles,
    )


def _used(choices: Choices) -> Iterator[tuple[Implementation, int]]:
    """Yields the implementation of each layer, and how often one inference calls it."""
    implementations, plan, stages = choices
    for name in plan.schedule:
        stream = plan.streams.get(name)
        if stream is None:
            yield implementations[name].at_pitches(plan.pitch_of_tensor), 1
        else:
            for stage in stream.stages:
                yield stages.of(stage), stage.total_rows // stage.rows * stream.strips
