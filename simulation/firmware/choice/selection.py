"""Lists what every kernel makes of each operator of a network, best first."""

from collections.abc import Mapping, Sequence

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Reshape
from sparse_mcu.simulation.firmware.choice.costs import preferred
from sparse_mcu.simulation.firmware.kernels import PREFERENCE
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site, site_of
from sparse_mcu.simulation.firmware.options import DEFAULT, Optimise


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
