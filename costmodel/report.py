"""The results that the command prints as JSON; the schema's version stands in each."""

from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import Field

from sparse_mcu.costmodel.records import Record

SCHEMA_VERSION = 2

Fidelity = Literal["predicted", "estimated", "analysed", "emulated", "measured"]
"""How a number was come by, the weakest first.

predicted: by a model that was fitted to other networks. estimated: exact counts, priced by a table that is not
validated, or a figure of a board. analysed: by the planner, or by the integer reference. emulated: by an engine.
measured: on hardware.
"""


def weakest(*fidelities: Fidelity) -> Fidelity:
    """The fidelity of a number that is composed of others: that of the weakest of them."""
    return min(fidelities, key=get_args(Fidelity).index)


def fidelity_of_figure(citation: str) -> Fidelity:
    """The fidelity of a board's figure.

    Args:
        citation: How the figure is known and from where, as in `Board.sources`: "recalled: nRF51822 Product ...".

    Returns:
        "measured" for what somebody measured. A document's figure (a typical, or a maximum), one that was computed
        from such figures, and one from memory are estimates for the board at hand.
    """
    return "measured" if citation.partition(":")[0] == "measured" else "estimated"


class ModelInfo(Record):
    """Which model was looked at."""

    name: str
    sha256: str


class ToolInfo(Record):
    """A compiler or an engine, and its version."""

    name: str
    version: str


class RamReport(Record):
    """RAM in bytes; total = arena + static + stack + padding, None where code was not built.

    `measured_bytes` is what an emulated run was seen to touch: static data, the arena's and the stack's high-water
    marks; `measured_fidelity` says so where there was one.
    """

    total_bytes: int | None
    arena_bytes: int
    static_bytes: int
    stack_bytes: int | None
    padding_bytes: int = 0
    measured_bytes: int | None = None
    measured_arena_bytes: int | None = None
    measured_stack_bytes: int | None = None
    measured_fidelity: Fidelity | None = None
    capacity_bytes: int
    fidelity: Fidelity = "analysed"


class FlashReport(Record):
    """Flash in bytes; total = vectors + code + weights + constants + initial data + padding."""

    total_bytes: int | None
    code_bytes: int | None
    weights_bytes: int
    constants_bytes: int
    vectors_bytes: int
    data_bytes: int
    padding_bytes: int = 0
    capacity_bytes: int
    fidelity: Fidelity = "analysed"


class PlacedBuffer(Record):
    """A buffer of the arena: [offset, offset + size) during steps [start, end)."""

    buffer: str
    offset_bytes: int
    size_bytes: int
    start: int
    end: int


class HeldTensor(Record):
    """A tensor of the graph, NHWC, one byte an element."""

    name: str
    shape: list[int]


class LiveBuffer(Record):
    """A buffer that is live at the peak, and the tensors that it holds at some time; none: it is working memory."""

    buffer: str
    offset_bytes: int
    size_bytes: int
    tensors: list[HeldTensor]


class PeakReport(Record):
    """The step at which the most bytes are live.

    `live_bytes` is the sum of the buffers less `shared_bytes`, those that two of them may use both.
    """

    step: str
    index: int
    live_bytes: int
    shared_bytes: int
    buffers: list[LiveBuffer]


class ConflictReport(Record):
    """Buffers that do not fit into `capacity_bytes` together in the schedule's order.

    Any fewer of them do, if it is `irreducible`; otherwise that was not proven of all.
    """

    capacity_bytes: int
    irreducible: bool
    buffers: list[PlacedBuffer]


class LeverSaving(Record):
    """The arena with a lever of the planner off and with it on, the others as they are, kernels chosen for each.

    Where a lever costs memory, `kept_bytes` is the arena with it turned and the kernels as they are now, if those can
    be had then.
    """

    lever: str
    is_on: bool
    off_bytes: int
    on_bytes: int
    kept_bytes: int | None = None


class StreamReport(Record):
    """A step that executes several operators, some rows of each at a time, in so many strips of the width."""

    step: str
    operators: list[str]
    strips: int


class MemoryReport(Record):
    """Schedule and placement, and why the arena is not smaller.

    `conflict` and `savings` are there where they were asked for, and where RAM is too small.
    """

    proven: bool
    lower_bound_bytes: int
    peak_step: str
    peak_live_bytes: int
    schedule: list[str]
    placement: list[PlacedBuffer]
    levers: dict[str, bool | float] = Field(default_factory=dict)
    streams: list[StreamReport] = Field(default_factory=list)
    peak: PeakReport | None = None
    conflict: ConflictReport | None = None
    savings: list[LeverSaving] | None = None
    fidelity: Fidelity = "analysed"


class SizedItem(Record):
    """Something that takes bytes."""

    name: str
    size_bytes: int


class Shortfall(Record):
    """By how much a model misses a memory, and what fills it (RAM: the buffers live at the peak)."""

    memory: Literal["ram", "flash"]
    excess_bytes: int
    items: list[SizedItem]


class _CostReport(Record):
    """What a model costs on a board: common to all reports."""

    schema_version: int = SCHEMA_VERSION
    project_version: str
    model: ModelInfo
    board: str
    core: str
    ram: RamReport
    flash: FlashReport
    memory: MemoryReport
    shortfalls: list[Shortfall]


class PredictedLayer(Record):
    """One layer's share; None where its kernel has no cost model; `stream` as of `LayerCycles`."""

    layer: str
    kernel: str
    cycles: int | None
    stream: str | None = None


class PredictedCycles(Record):
    """Cycles of one inference by the kernels' fitted cost models, at zero wait states.

    `total` is the sum over the `predicted_layers` layers that have a prediction: all convolutions and dense layers,
    as a rule, and nothing else.
    """

    total: int
    predicted_layers: int
    layers: list[PredictedLayer]
    fidelity: Fidelity = "predicted"


class AnalysisReport(_CostReport):
    """What `analyze` answers; without a build there is no toolchain, and whether it fits may be open."""

    kind: Literal["analysis"] = "analysis"
    toolchain: ToolInfo | None
    fits: bool | None
    cycles: PredictedCycles | None = None


class LayerCycles(Record):
    """One layer's share, by the operator that it executes.

    `stream` is what executes it together with others, as named in the firmware. An entry of that name and of kernel
    "stream" holds what the stream spends besides.
    """

    layer: str
    kernel: str
    cycles: int
    instructions: int
    stream: str | None = None


class CyclesReport(Record):
    """Cycles of one inference: instructions as emulated, priced by the core's timing table at zero wait states."""

    total: int
    layers: list[LayerCycles]
    timing_model: str
    fidelity: Fidelity = "estimated"


class SimulationReport(_CostReport):
    """What `simulate` answers.

    `fidelity` is that of instructions and outputs. Latency is as good as the cycles; energy also depends on the
    board's power, whose source is `power_source`.
    """

    kind: Literal["simulation"] = "simulation"
    toolchain: ToolInfo
    engine: ToolInfo
    fits: bool
    cycles: CyclesReport
    instructions: int
    latency_ms: float
    latency_fidelity: Fidelity
    energy_uj: float
    energy_fidelity: Fidelity
    power_source: str
    outputs: dict[str, list[int]]
    outputs_match_reference: bool
    simulated_mips: float
    fidelity: Fidelity = "emulated"


class BoardInfo(Record):
    """A board, and the source of every figure."""

    name: str
    title: str
    mcu: str
    core: str
    clock_hz: int
    ram_bytes: int
    flash_bytes: int
    active_power_mw: float
    sources: Mapping[str, str]


class BoardsReport(Record):
    """What `boards` answers."""

    schema_version: int = SCHEMA_VERSION
    boards: list[BoardInfo]


class BatchResult(Record):
    """One model: the report that it has alone, or else the error, in a line."""

    file: str
    report: SimulationReport | None
    error: str | None


class BatchReport(Record):
    """What `simulate` answers for several models, in their order."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["simulations"] = "simulations"
    project_version: str
    interrupted: bool
    results: list[BatchResult]

    @property
    def has_errors(self) -> bool:
        """Whether any model has no report."""
        return any(result.report is None for result in self.results)

    @property
    def passes(self) -> bool:
        """Whether every model has a report, fits, and gives the outputs of the integer reference."""
        reports = [result.report for result in self.results]
        return all(report is not None and report.fits and report.outputs_match_reference for report in reports)
