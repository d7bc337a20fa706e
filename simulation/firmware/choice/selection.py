"""Lists what every kernel makes of each operator of a network, best first."""

from collections.abc import Mapping, Sequence

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Reshape
from sparse_mcu.simulation.firmware.choice.costs import preferred
from sparse_mcu.simulation.firmware.kernels import BY_NAME, PREFERENCE
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site, site_of
from sparse_mcu.simulation.firmware.options import DEFAULT, Optimise


def select_kernels(
    graph: Graph,
    core: Core,
    optimise: Optimise = DEFAULT,
    kernels: Mapping[str, str] | None = None,
    *,
    else_any: bool = False,
) -> Mapping[str, Implementation]:
    """The implementation of each operator, by its name; views need none.

    Args:
        graph: The network.
        core: The core that runs it.
        optimise: What to choose by.
        kernels: Operator -> kernel, where that is settled already.
        else_any: Choose freely where a settled kernel does not take its operator, instead of failing.

    Raises:
        UnsupportedOperatorError: No kernel computes an operator, or the settled one does not.
    """
    found = choices_of(graph, core, optimise, kernels, else_any=else_any)
    return {name: choices[0] for name, choices in found.items()}


def choices_of(
    graph: Graph,
    core: Core,
    optimise: Optimise,
    kernels: Mapping[str, str] | None = None,
    *,
    else_any: bool = False,
) -> Mapping[str, Sequence[Implementation]]:
    """All implementations of each operator, by its name, best first; arguments and errors as of `select_kernels`."""
    settled = kernels or {}
    found = {
        operator.name: candidates_of(site_of(graph, operator, core), settled.get(operator.name), else_any=else_any)
        for operator in graph.operators
        if not isinstance(operator, Reshape)
    }
    return {name: preferred(candidates, optimise) for name, candidates in found.items()}


def candidates_of(site: Site, settled: str | None = None, *, else_any: bool = False) -> list[Implementation]:
    """What every kernel makes of the place, or what the settled kernel does.

    Args:
        site: The place.
        settled: The only kernel that may compute it; None if all may.
        else_any: Take what every kernel makes of it where the settled one does not take it.

    Raises:
        UnsupportedOperatorError: No kernel computes the operator, or the settled one does not.
    """
    chosen = None if settled is None or settled not in BY_NAME else BY_NAME[settled](site)
    if chosen is not None:
        return [chosen]
    found = [implementation for kernel in PREFERENCE if (implementation := kernel(site)) is not None]
    kind, core = type(site.operator).__name__, site.core.name
    if not found:
        raise UnsupportedOperatorError(
            f"no kernel computes {kind} on {core}",
            where=site.operator.name,
            fix="Add one in simulation/firmware/kernels.",
        )
    if settled is not None and not else_any:
        raise UnsupportedOperatorError(
            f"kernel {settled!r} does not take this {kind} on {core}",
            where=site.operator.name,
            fix=f"Settle one that does ({', '.join(each.kernel for each in found)}), or none.",
        )
    return found
