"""Defines the results that commands write as JSON. Each result names the version of this schema."""

from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import Field

from sparse_mcu.costmodel.records import Record

SCHEMA_VERSION = 2

Fidelity = Literal["predicted", "estimated", "analysed", "emulated", "measured"]
"""Says how a number was obtained. The weakest comes first.

predicted: a model computed it that was fitted to other networks. estimated: it comes from exact counts and a table that
is not validated, or from a figure of a board. analysed: the planner or the integer reference computed it. emulated: an
engine counted it. measured: somebody measured it on hardware.
"""


def weakest(*fidelities: Fidelity) -> Fidelity:
    """Returns the fidelity of a number that is composed of others: the weakest of theirs."""
    return min(fidelities, key=get_args(Fidelity).index)


def fidelity_of_figure(citation: str) -> Fidelity:
    """Returns the fidelity of a figure of a board.

    Args:
        citation: How the figure is known and from where, as in `Board.sources`: "recalled: nRF51822 Product ...".

    Returns:
        "measured" if somebody measured the figure, else "estimated". For the board at hand, a typical or largest figure
        of a document is an estimate. So is one that was computed from such figures, or recalled from memory.
    """
    return "measured" if citation.partition(":")[0] == "measured" else "estimated"


class ModelInfo(Record):
    """A model's name and the sha256 of its file."""

    name: str
    sha256: str


class ToolInfo(Record):
    """The name and the version of a compiler or an engine."""

    name: str
    version: str


class RamReport(Record):
    """RAM in bytes. The total is arena + static + stack + padding; it is None if no code was built.

    `measured_bytes` is the RAM that an emulated run used: the static data and the high-water marks of the arena and of
    the stack. It is None without a run. `measured_fidelity` is then None, too.
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
    """Flash in bytes. The total is vectors + code + weights + constants + data + padding; it is None without code.

    `data_bytes` are the initial values of variables.
    """

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
    """A buffer that occupies the bytes [offset, offset + size) of the arena during the steps [start, end)."""

    buffer: str
    offset_bytes: int
    size_bytes: int
    start: int
    end: int


class HeldTensor(Record):
    """A tensor of the graph. Its shape is NHWC, and an element takes one byte."""

    name: str
    shape: list[int]


class LiveBuffer(Record):
    """A buffer that is live at the peak, and the tensors that it holds at some time. Working memory holds none."""

    buffer: str
    offset_bytes: int
    size_bytes: int
    tensors: list[HeldTensor]


class PeakReport(Record):
    """The step at which the most bytes are live.

    `live_bytes` is the sum of the buffers minus `shared_bytes`. Those are the bytes that two buffers may share.
    """

    step: str
    index: int
    live_bytes: int
    shared_bytes: int
    buffers: list[LiveBuffer]


class ConflictReport(Record):
    """Buffers that do not fit into `capacity_bytes` together in the schedule's order.

    If it is `irreducible`, the others fit whenever one of them is removed. Else that is not proven for all of them.
    """

    capacity_bytes: int
    irreducible: bool
    buffers: list[PlacedBuffer]


class LeverSaving(Record):
    """The arena with one lever of the planner off and on. The other levers stay, and kernels are chosen anew for both.

    If a lever costs memory, `kept_bytes` is the arena with the lever switched and with today's kernels. It is None if
    those kernels are then not possible.
    """

    lever: str
    is_on: bool
    off_bytes: int
    on_bytes: int
    kept_bytes: int | None = None


class StreamReport(Record):
    """A step that executes several operators together, some rows of each at a time, in `strips` strips of the width."""

    step: str
    operators: list[str]
    strips: int


class MemoryReport(Record):
    """The schedule and the placement, and the reasons why the arena is not smaller.

    `conflict` and `savings` are present if the user asked for them, or if the RAM is too small.
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
    """The name and the size of something in memory."""

    name: str
    size_bytes: int


class Shortfall(Record):
    """The bytes by which a model exceeds a memory, and the items that fill it. For RAM, those live at the peak."""

    memory: Literal["ram", "flash"]
    excess_bytes: int
    items: list[SizedItem]


class _CostReport(Record):
    """The part that all reports share: the costs of a model on a board."""

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
    """The predicted cycles of a layer; None if its kernel has no cost model. For `stream` see `LayerCycles`."""

    layer: str
    kernel: str
    cycles: int | None
    stream: str | None = None


class PredictedCycles(Record):
    """The cycles of one inference by the kernels' fitted cost models, at zero wait states.

    `total` is the sum over the layers that have a prediction, and `predicted_layers` is their number.
    """

    total: int
    predicted_layers: int
    layers: list[PredictedLayer]
    fidelity: Fidelity = "predicted"


class AnalysisReport(_CostReport):
    """The result of `analyze`. Without a build, `toolchain` is None, and `fits` is None if the code size decides."""

    kind: Literal["analysis"] = "analysis"
    toolchain: ToolInfo | None
    fits: bool | None
    cycles: PredictedCycles | None = None


class LayerCycles(Record):
    """The cycles of a layer. `layer` is the name of the operator.

    `stream` is the name of the stream that executes the layer together with others, if one does. The cycles of a stream
    itself stand in an entry with that name and the kernel "stream".

    `macs` are the multiplications of a convolution or a dense layer; None for other operators. `causes` says what the
    cycles were spent on; its values sum to `cycles`.
    """

    layer: str
    kernel: str
    cycles: int
    instructions: int
    stream: str | None = None
    macs: int | None = None
    causes: Mapping[str, int] = {}

    @property
    def cycles_per_mac(self) -> float | None:
        """The cycles of one multiplication; None for layers without."""
        return self.cycles / self.macs if self.macs else None


class CyclesReport(Record):
    """The cycles of one inference. `timing_model` prices the emulated instructions, and says what it assumes.

    `causes` says what the cycles were spent on; its values sum to `total`.
    """

    total: int
    layers: list[LayerCycles]
    timing_model: str
    causes: Mapping[str, int] = {}
    fidelity: Fidelity = "estimated"


class SimulationReport(_CostReport):
    """The result of `simulate`.

    `fidelity` is that of the instructions and the outputs. Latency has the fidelity of the cycles. Energy also depends
    on the board's power, and `power_source` says where that figure comes from.
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
    """A board and the source of each of its figures."""

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
    """The result of `boards`."""

    schema_version: int = SCHEMA_VERSION
    boards: list[BoardInfo]


class BatchResult(Record):
    """The result for one of several models: the report that `simulate` gives for it alone, or an error in a line."""

    file: str
    report: SimulationReport | None
    error: str | None


class BatchReport(Record):
    """The result of `simulate` for several models, in their order."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["simulations"] = "simulations"
    project_version: str
    interrupted: bool
    results: list[BatchResult]

    @property
    def has_errors(self) -> bool:
        """Returns whether some model has no report."""
        return any(result.report is None for result in self.results)

    @property
    def passes(self) -> bool:
        """Returns whether every model has a report, fits, and gives the outputs of the integer reference."""
        reports = [result.report for result in self.results]
        return all(report is not None and report.fits and report.outputs_match_reference for report in reports)
