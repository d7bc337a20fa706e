"""The kernels, and which of them computes what.

To add one: a module here with a function of the `Kernel` protocol, which states the order in which the template
reads and writes (`order`), a template of the same name, its place in `PREFERENCE`, a test file of that name,
and a line in KERNELS of tests/simulation/firmware/test_overlap.py, which holds the template to that order. One that
says `takes_pitch`, `reads_pitch` or `in_place` has a line in test_pitch.py, test_input_pitch.py or test_in_place.py
beside it, too.
"""

from collections.abc import Mapping, Sequence

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Reshape
from sparse_mcu.simulation.firmware.kernels.add import add
from sparse_mcu.simulation.firmware.kernels.average_pool2d import average_pool2d
from sparse_mcu.simulation.firmware.kernels.average_pool2d_lanes import average_pool2d_lanes
from sparse_mcu.simulation.firmware.kernels.average_pool2d_rows import average_pool2d_rows
from sparse_mcu.simulation.firmware.kernels.choice import DEFAULT, OPTIMISE, Optimise, preferred
from sparse_mcu.simulation.firmware.kernels.concat import concat
from sparse_mcu.simulation.firmware.kernels.conv2d import conv2d
from sparse_mcu.simulation.firmware.kernels.conv2d_biplex import conv2d_biplex
from sparse_mcu.simulation.firmware.kernels.conv2d_patch import conv2d_patch
from sparse_mcu.simulation.firmware.kernels.conv2d_swar import conv2d_swar
from sparse_mcu.simulation.firmware.kernels.dense import dense
from sparse_mcu.simulation.firmware.kernels.dense_biplex import dense_biplex
from sparse_mcu.simulation.firmware.kernels.dense_interleaved import dense_interleaved
from sparse_mcu.simulation.firmware.kernels.depthwise import depthwise
from sparse_mcu.simulation.firmware.kernels.depthwise_bytes import depthwise_bytes
from sparse_mcu.simulation.firmware.kernels.depthwise_planes import depthwise_planes
from sparse_mcu.simulation.firmware.kernels.depthwise_rows import depthwise_rows
from sparse_mcu.simulation.firmware.kernels.depthwise_strips import depthwise_strips
from sparse_mcu.simulation.firmware.kernels.gather import gather
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Kernel, Site, site_of
from sparse_mcu.simulation.firmware.kernels.max_pool2d import max_pool2d
from sparse_mcu.simulation.firmware.kernels.max_pool2d_lanes import max_pool2d_lanes
from sparse_mcu.simulation.firmware.kernels.pad2d import pad2d
from sparse_mcu.simulation.firmware.kernels.pointwise import pointwise
from sparse_mcu.simulation.firmware.kernels.pointwise_biplex import pointwise_biplex
from sparse_mcu.simulation.firmware.kernels.requantize import requantize
from sparse_mcu.simulation.firmware.kernels.slice import slice_
from sparse_mcu.simulation.firmware.kernels.softmax import softmax
from sparse_mcu.simulation.firmware.kernels.sparse_conv2d import sparse_conv2d
from sparse_mcu.simulation.firmware.kernels.sparse_dense import sparse_dense
from sparse_mcu.simulation.firmware.kernels.transpose import transpose

PREFERENCE: tuple[Kernel, ...] = (
    sparse_conv2d,
    sparse_dense,
    pointwise_biplex,
    conv2d_biplex,
    conv2d_swar,
    dense_biplex,
    dense_interleaved,
    depthwise_planes,
    depthwise_bytes,
    depthwise_strips,
    depthwise_rows,
    pointwise,
    depthwise,
    conv2d_patch,
    conv2d,
    dense,
    add,
    max_pool2d_lanes,
    max_pool2d,
    average_pool2d_lanes,
    average_pool2d,
    average_pool2d_rows,
    softmax,
    requantize,
    pad2d,
    concat,
    gather,
    slice_,
    transpose,
)

__all__ = ["DEFAULT", "OPTIMISE", "PREFERENCE", "Implementation", "Kernel", "Optimise", "Site", "select_kernels"]


def select_kernels(
    graph: Graph, core: Core, optimise: Optimise = DEFAULT, kernels: Mapping[str, str] | None = None
) -> Mapping[str, Implementation]:
    """The implementation of each operator, by its name; views need none.

    Args:
        graph: The network.
        core: The core that runs it.
        optimise: What to choose by.
        kernels: Operator -> kernel, where that is settled already.

    Raises:
        UnsupportedOperatorError: No kernel computes an operator.
    """
    return {name: choices[0] for name, choices in choices_of(graph, core, optimise, kernels).items()}


def choices_of(
    graph: Graph, core: Core, optimise: Optimise, kernels: Mapping[str, str] | None = None
) -> Mapping[str, Sequence[Implementation]]:
    """All implementations of each operator, by its name, best first; arguments and errors as of `select_kernels`."""
    settled = kernels or {}
    return {
        operator.name: preferred(candidates_of(site_of(graph, operator, core), settled.get(operator.name)), optimise)
        for operator in graph.operators
        if not isinstance(operator, Reshape)
    }


def candidates_of(site: Site, settled: str | None = None) -> list[Implementation]:
    """What every kernel makes of the place; of the settled kernel alone, if it takes it.

    Raises:
        UnsupportedOperatorError: No kernel computes the operator.
    """
    found = [implementation for kernel in PREFERENCE if (implementation := kernel(site)) is not None]
    found = [each for each in found if each.kernel == settled] or found
    if not found:
        raise UnsupportedOperatorError(
            f"no kernel computes {type(site.operator).__name__} on {site.core.name}",
            where=site.operator.name,
            fix="Add one in simulation/firmware/kernels.",
        )
    return found
