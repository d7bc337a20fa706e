"""Prints the front of a search and a summary of its trials."""

from sparse_mcu.costmodel.cli.console import console, table
from sparse_mcu.costmodel.report import ToolInfo
from sparse_mcu.search.evaluation.objectives import KINDS
from sparse_mcu.search.results.report import FrontMember, SearchReport
from sparse_mcu.search.space.description import describe

_IMPORTANCES = 5


def show_report(report: SearchReport) -> None:
    """Prints the front, the fidelities of its numbers and a summary of the trials."""
    settings, counts, names = report.settings, report.trials, report.settings.objectives
    first, *others = (KINDS[name].heading for name in names)
    title = f"Pareto front: {settings.dataset} on {settings.board}"
    is_judged = any(member.test for member in report.pareto)
    grid = table(title, "trial", first, *(["test %"] if is_judged else []), *others, "network")
    grid.columns[-1].justify = "left"
    grid.columns[-1].overflow = "fold"  # users copy the network's text, so none of it is cut
    for member in sorted(report.pareto, key=lambda each: each.trial != report.knee):
        first, *others = (_cell(member, name) for name in names)
        test = [_test(member)] if is_judged else []
        is_knee = member.trial == report.knee and len(report.pareto) > 1
        trial = f"{member.trial}{' knee' if is_knee else ''}"
        grid.add_row(trial, first, *test, *others, describe(member.configuration))
    console.print(grid)
    best = report.pareto[0].objectives if report.pareto else None
    if best is None:
        console.print("No candidate fits the board and keeps the limits yet. Run more trials or raise the limits.")
    else:
        fidelities = ", ".join(f"{name} {best[name].fidelity}" for name in names)
        console.print(f"Fidelity: {fidelities}.", highlight=False)
        if len(report.pareto) > 1:
            console.print("The knee comes first: it is nearest to the best of everything.", highlight=False)
        console.print(_about_errors(report.pareto), highlight=False)
    if report.importances:
        most = ", ".join(f"{name} {share:.0%}" for name, share in list(report.importances.items())[:_IMPORTANCES])
        console.print(f"The error depends most on: {most}.", highlight=False)
    console.print(
        f"Trials: {counts.complete} complete, {counts.beyond_limits} of them beyond the limits; "
        f"{counts.stopped} stopped early; {counts.failed} failed. "
        f"Hypervolume: {report.hypervolume:.4g} decades^{len(names)}. "
        f"Tools: {_tool(settings.toolchain)}, {_tool(settings.engine)}. "
        f"Kernels: chosen for {settings.build.optimise}.",
        highlight=False,
    )


def _tool(tool: ToolInfo) -> str:
    return f"{tool.name} {tool.version}"


def _test(member: FrontMember) -> str:
    test = member.test
    return "-" if test is None else f"{100 * test.mean:.2f}±{100 * test.spread:.2f}"


def _about_errors(members: list[FrontMember]) -> str:
    """Says which images the two errors come from, and how far onnxruntime agrees."""
    most = max(members, key=lambda member: member.check.differing)
    tested = next((member.test for member in members if member.test), None)
    test = f" The test error is that of `judge` on {tested.images} images that the search never saw." if tested else ""
    return (
        f"The error is that on {most.check.images} validation images, which also chose the front.{test} "
        f"± gives one standard error. onnxruntime chooses another class for at most {most.check.differing} of the "
        f"validation images (trial {most.trial})."
    )


def _cell(member: FrontMember, name: str) -> str:
    cell = KINDS[name].cell(member.objectives[name].value)
    return f"{cell}±{100 * member.error_standard_error:.2f}" if name == "error" else cell
