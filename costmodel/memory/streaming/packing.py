"""Where a stream's windows and its kernels' scratch lie in its working memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from costmodel.graph.operators import AverageRows, Operator
from costmodel.memory.placement import place
from costmodel.memory.plan import Buffer, KernelContract, Overlap
from costmodel.memory.stream import RowWindow
from costmodel.memory.values import aligned

_NODES = 20_000  # placements tried for a stream


@dataclass(frozen=True, slots=True)
class Needs:
    """What a stage asks for.

    Attributes:
        operator: Its operator.
        contract: Of its kernel, for one call.
        calls: In a firing.
        firings: In a turn of the window that it writes.
    """

    operator: Operator
    contract: KernelContract
    calls: int
    firings: int


@dataclass(frozen=True, slots=True)
class Packed:
    """Offsets from the start of the working memory.

    Attributes:
        offsets: By tensor, of its window.
        scratch: By operator, of its kernel's working memory, for those that have any.
        size_bytes: Of it all.
        lower_bound_bytes: No placement needs less.
    """

    offsets: Mapping[str, int]
    scratch: Mapping[str, int]
    size_bytes: int
    lower_bound_bytes: int


def pack(stages: Sequence[Needs], windows: Mapping[str, RowWindow]) -> Packed:
    """The smallest working memory that is found.

    A window that keeps rows from one turn to the next, or is written in several ticks, has its memory all the time; any
    other from the stage that writes it (or first reads what is loaded) to the last that reads it.

    Args:
        stages: In order.
        windows: What is held, by tensor.
    """
    lives = {name: _life(stages, window) for name, window in windows.items()}
    buffers = [Buffer(f"w:{name}", aligned(windows[name].size_bytes), *lives[name]) for name in windows]
    for index, stage in enumerate(stages):
        if stage.contract.scratch_bytes:
            life = (0, len(stages)) if isinstance(stage.operator, AverageRows) else (index, index + 1)
            buffers.append(Buffer(f"s:{stage.operator.name}", aligned(stage.contract.scratch_bytes), *life))
    placement = place(buffers, _overlaps(stages, windows, lives), node_budget=_NODES)
    return Packed(
        offsets={name: placement.offsets[f"w:{name}"] for name in windows},
        scratch={
            stage.operator.name: placement.offsets[f"s:{stage.operator.name}"]
            for stage in stages
            if stage.contract.scratch_bytes
        },
        size_bytes=placement.height_bytes,
        lower_bound_bytes=placement.lower_bound_bytes,
    )


def _life(stages: Sequence[Needs], window: RowWindow) -> tuple[int, int]:
    uses = [i for i, each in enumerate(stages) if window.tensor in (*each.operator.inputs, each.operator.output)]
    written_at_once = window.is_loaded or stages[uses[0]].firings == 1
    if window.rows > window.advance_rows or not written_at_once:
        return 0, len(stages)
    return uses[0], uses[-1] + 1


def _overlaps(
    stages: Sequence[Needs], windows: Mapping[str, RowWindow], lives: Mapping[str, tuple[int, int]]
) -> list[Overlap]:
    """Windows that die where the next is born, as far as the kernel says; only where a firing is one call."""
    found: list[Overlap] = []
    for index, stage in enumerate(stages):
        output = stage.operator.output
        if output not in windows or lives[output] == (0, len(stages)) or stage.calls > 1:
            continue
        for name, distance in stage.contract.safe_distance_bytes.items():
            if name in windows and lives[name] != (0, len(stages)) and lives[name][1] == index + 1:
                found.append(Overlap(f"w:{name}", f"w:{output}", min(aligned(distance), windows[output].size_bytes)))
    return found
