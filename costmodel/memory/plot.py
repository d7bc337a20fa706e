"""A picture of a plan: time to the right, addresses upwards."""

import io
from pathlib import Path

from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from costmodel.errors import SparseMcuError
from costmodel.files import write_atomically
from costmodel.memory.explain import shared_regions, shortened
from costmodel.memory.plan import Buffer, MemoryPlan

FORMATS = (".svg", ".png")
_LABELLED_SHARE = 0.03
"""Buffers that take a smaller share of the arena are drawn without their name."""


def plot_plan(plan: MemoryPlan, path: Path, title: str = "") -> None:
    """Draw `plan` into an SVG or PNG file; the same plan gives the same bytes.

    Buffers are boxes with name and size, bytes that two share are hatched, the peak's step is shaded.

    Raises:
        SparseMcuError: The file is neither .svg nor .png, or cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise SparseMcuError(f"cannot draw {kind or 'a file without suffix'}", where=str(path), fix="Use .svg or .png.")
    figure = Figure(figsize=(max(6.0, min(24.0, 0.6 * len(plan.schedule))), 6.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw(axes, plan)
    axes.set_title(title or f"arena {plan.arena_bytes} bytes, peak {plan.peak_live_bytes} at {_label(plan.peak_step)}")
    image = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if kind == ".svg" else {"Software": None}
    with rc_context({"svg.hashsalt": "plan", "svg.fonttype": "none"}):
        figure.savefig(image, format=kind[1:], metadata=metadata)
    write_atomically(path, image.getvalue())


def _draw(axes: Axes, plan: MemoryPlan) -> None:
    palette = colormaps["tab20"]
    if plan.schedule:
        peak = plan.schedule.index(plan.peak_step)
        axes.axvspan(peak, peak + 1, color="0.85", zorder=0)
    for index, buffer in enumerate(each for each in plan.buffers if each.size_bytes):
        _draw_buffer(axes, buffer, plan, palette(index % palette.N))
    for step, low, high in shared_regions(plan):
        axes.add_patch(Rectangle((step, low), 1, high - low, fill=False, hatch="///", edgecolor="black", linewidth=0))
    axes.set_xlim(0, max((buffer.end for buffer in plan.buffers), default=1))
    axes.set_ylim(0, max(plan.arena_bytes, 1))
    axes.set_xticks(
        [at + 0.5 for at in range(len(plan.schedule))], [*map(_label, plan.schedule)], rotation=90, fontsize=6
    )
    axes.set_ylabel("address in the arena [bytes]")


def _draw_buffer(axes: Axes, buffer: Buffer, plan: MemoryPlan, color: tuple[float, float, float, float]) -> None:
    corner, span = (buffer.start, plan.offsets[buffer.name]), buffer.end - buffer.start
    axes.add_patch(Rectangle(corner, span, buffer.size_bytes, facecolor=color, edgecolor="black", alpha=0.6))
    if buffer.size_bytes >= _LABELLED_SHARE * plan.arena_bytes:
        middle = (corner[0] + 0.5, corner[1] + buffer.size_bytes / 2)
        axes.text(
            *middle,
            f"{_label(buffer.name)}\n{buffer.size_bytes}",
            rotation=90,
            ha="center",
            va="center",
            fontsize=6,
            clip_on=True,
        )


def _label(name: str) -> str:
    """A name that matplotlib does not take for a formula."""
    return shortened(name, 24).replace("$", r"\$")
