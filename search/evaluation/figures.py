"""Takes the figures that objectives are made of from the report of a run."""

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.evaluation.objectives import Figures, Objective

UJ_PER_MJ = 1000


class CandidateError(SparseMcuError):
    """A candidate is unusable. Its training diverged, its firmware is wrong, or its report is incomplete."""


def simulated_figures(graph: Graph, report: SimulationReport) -> Figures:
    """Returns the costs of a network that ran on the emulated core; its errors are left out.

    Args:
        graph: The lowered network.
        report: What `simulate` answers for it.

    Raises:
        CandidateError: The firmware's outputs differ from the integer reference, or a total is missing.
    """
    if not report.outputs_match_reference:
        raise CandidateError(
            "the firmware's outputs differ from the integer reference",
            where=report.model.name,
            fix="This is a bug: please report it with the model and the report of this trial.",
        )
    ram, flash = report.ram, report.flash
    if ram.total_bytes is None or flash.total_bytes is None:
        raise CandidateError("the report has no total of RAM or flash", where=report.model.name)
    return Figures(
        graph=graph,
        stored_bytes=Objective(value=flash.weights_bytes + flash.constants_bytes, fidelity=flash.fidelity),
        ram_bytes=Objective(value=ram.total_bytes, fidelity=ram.fidelity),
        flash_bytes=Objective(value=flash.total_bytes, fidelity=flash.fidelity),
        latency_ms=Objective(value=report.latency_ms, fidelity=report.latency_fidelity),
        energy_mj=Objective(value=report.energy_uj / UJ_PER_MJ, fidelity=report.energy_fidelity),
    )
