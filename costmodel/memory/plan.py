"""The words of the planner. Sizes and offsets in bytes, times in steps of the schedule."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Buffer:
    """A stretch of memory with a fixed lifetime, [start, end) in steps."""

    name: str
    size_bytes: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class KernelContract:
    """What the kernel chosen for an operator needs from memory; declared by the kernel, never assumed.

    Attributes:
        scratch_bytes: Working memory that lives only while the operator runs.
        safe_distance_bytes: By input tensor, the least (start of input - start of output) at which the
            output may overlap it, derived from the kernel's access pattern; 0: in place. An input that
            is not named must not be overlapped.
    """

    scratch_bytes: int = 0
    safe_distance_bytes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One operator of a planning problem: what it reads, writes and needs besides.

    Attributes:
        name: Unique in its problem.
        inputs: Buffers that it reads.
        outputs: Buffers that it writes.
        scratch_bytes: Working memory during this step.
        safe_distance_bytes: By input buffer, as in `KernelContract`; it holds only where the step is the buffer's
            last reader, and for its one output.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    scratch_bytes: int = 0
    safe_distance_bytes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemoryProblem:
    """A graph reduced to what memory sees: views are merged, sizes are rounded up to the alignment.

    Attributes:
        sizes_bytes: Bytes of each buffer (one per group of tensors that are views of each other).
        steps: Operators in a topological order; views have none.
        inputs: Buffers that are filled before the first step.
        outputs: Buffers that must survive the last step.
        buffer_of: For each tensor of the graph, the buffer that holds it.
    """

    sizes_bytes: Mapping[str, int]
    steps: tuple[Step, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    buffer_of: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Order and offsets, with the proof's state.

    Attributes:
        schedule: Names of the steps in execution order.
        buffers: Every buffer (tensors and scratch, the latter named "<step>.scratch") with its lifetime.
        offsets: Offset of each buffer in the arena.
        arena_bytes: Height of the placement: the arena's size.
        peak_step: Name of the step at which the most bytes are live.
        peak_live_bytes: Bytes live at that step.
        lower_bound_bytes: No order and placement of separate buffers is smaller.
        proven: arena_bytes == lower_bound_bytes.
        offset_of_tensor: Offset of each tensor of the graph, through its buffer.
    """

    schedule: tuple[str, ...]
    buffers: tuple[Buffer, ...]
    offsets: Mapping[str, int]
    arena_bytes: int
    peak_step: str
    peak_live_bytes: int
    lower_bound_bytes: int
    offset_of_tensor: Mapping[str, int] = field(default_factory=dict)

    @property
    def proven(self) -> bool:
        """Whether no smaller arena exists."""
        return self.arena_bytes == self.lower_bound_bytes
