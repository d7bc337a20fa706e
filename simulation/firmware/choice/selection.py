"""Lists the kernels that can compute each operator of a network, best first."""

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
    """Returns the best implementation of each operator, by the operator's name. Views need none.

    Args:
        graph: The network.
        core: The core that runs it.
        optimise: The goal of the choice.
        kernels: Operator -> kernel, for operators whose kernel is settled.
        else_any: Choose freely if a settled kernel does not take its operator, instead of failing.

    Raises:
        UnsupportedOperatorError: No kernel computes an operator, or its settled kernel does not.
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
    """Returns all implementations of each operator, by the operator's name, best first.

    The arguments and errors are those of `select_kernels`.
    """
    settled = kernels or {}
    found = {
        operator.name: candidates_of(site_of(graph, operator, core), settled.get(operator.name), else_any=else_any)
        for operator in graph.operators
        if not isinstance(operator, Reshape)
    }
    return {name: preferred(candidates, optimise) for name, candidates in found.items()}


def candidates_of(site: Site, settled: str | None = None, *, else_any: bool = False) -> list[Implementation]:
    """Returns the implementations of a site: one per kernel that takes it, or only that of the settled kernel.

    Args:
        site: The operator and where it stands.
        settled: The only kernel that may compute it; None if all may.
        else_any: Ask all kernels if the settled one does not take the site, instead of failing.

    Raises:
        UnsupportedOperatorError: No kernel computes the operator, or its settled kernel does not.
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
            fix=f"Name one of these: {', '.join(each.kernel for each in found)}. Or name none.",
        )
    return found
