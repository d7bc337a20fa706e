"""Defines the words of the planner. Sizes and offsets are in bytes, times in steps of the schedule."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sparse_mcu.costmodel.memory.model.stream import Stream


@dataclass(frozen=True, slots=True)
class Buffer:
    """A stretch of memory with a fixed lifetime, [start, end) in steps."""

    name: str
    size_bytes: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two buffers that are live together in one step only, and may share bytes there.

    The step is the last to read the one and the first to write the other. Either the dying buffer ends at or below the
    output's start, or (start of the dying buffer) - (start of the output) >= distance_bytes.
    Example: at a distance of 4, an input at 20 may die in the step that writes an output of 100 bytes at 16.

    Attributes:
        dying: The buffer that the step is the last to read.
        output: The buffer that the step is the first to write.
        distance_bytes: At most the output's size; 0: in place; negative: the output may start above.
    """

    dying: str
    output: str
    distance_bytes: int


@dataclass(frozen=True, slots=True)
class Part:
    """A value that lies inside a larger buffer, for example an input of a viewed Concat.

    It is one stretch, or runs of equal length at equal distances. Other values may lie between the runs.
    Example: joined along channels, a map of 3 channels beside one of 5 has runs of 3 bytes at a pitch of 8 bytes.

    Attributes:
        buffer: The buffer.
        displacement_bytes: From the buffer's start to the value's.
        size_bytes: Bytes of the value itself.
        run_bytes: Bytes that lie side by side, a pixel's channels; 0: all of them.
        pitch_bytes: From the start of one run to the start of the next; 0: there is only one.
    """

    buffer: str
    displacement_bytes: int
    size_bytes: int
    run_bytes: int = 0
    pitch_bytes: int = 0

    @property
    def end_bytes(self) -> int:
        """From the buffer's start to one past the value's last byte."""
        gaps = (self.size_bytes // self.run_bytes - 1) * (self.pitch_bytes - self.run_bytes) if self.run_bytes else 0
        return self.displacement_bytes + self.size_bytes + gaps


@dataclass(frozen=True, slots=True)
class KernelContract:
    """What an operator's kernel needs from memory. The kernel declares it; nothing is assumed.

    Attributes:
        scratch_bytes: Working memory that lives only while the operator runs.
        safe_distance_bytes: By input tensor, the least (start of input - start of output) at which the
            output may overlap it, derived from the kernel's access pattern; 0: in place. An input that
            is not named must not be overlapped. It holds where pixels lie side by side.
        takes_pitch: Whether it can leave room between the pixels that it writes, and write them to any address.
        in_place: Whether an output as large as the only input may lie exactly where that does.
        at_pitches: From tensors' pitches (bytes from one pixel to the next) to what the kernel needs then, with inputs
            at any address. None: it reads only pixels that lie side by side. This is a function and no table, because
            the pitches follow from the views that the planner tries, and each takes the kernel's own order of access.
    """

    scratch_bytes: int = 0
    safe_distance_bytes: Mapping[str, int] = field(default_factory=dict)
    takes_pitch: bool = False
    in_place: bool = False
    at_pitches: "Callable[[Mapping[str, int]], KernelContract] | None" = None


@dataclass(frozen=True, slots=True)
class Step:
    """One operator of a planning problem: what it reads, writes and needs besides.

    Attributes:
        name: Unique in its problem.
        inputs: Values that it reads: buffers, or parts of buffers.
        outputs: Values that it writes.
        scratch_bytes: Working memory during this step.
        safe_distance_bytes: By buffer that it reads, the least (start of that buffer - start of the buffer it writes)
            at which the two may overlap, as in `KernelContract`; only for a step with one output, and only in
            effect where the step is the last to read the one and the first to write the other.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    scratch_bytes: int = 0
    safe_distance_bytes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemoryProblem:
    """A graph as the memory planner sees it: views are merged, sizes are rounded up to the alignment.

    Steps read and write values: a value is a buffer, or a part of one. A buffer with parts is live from the
    first to the last use of any of them.

    Attributes:
        sizes_bytes: Bytes of each buffer (one per group of tensors that are views of each other).
        steps: Operators in a topological order; views have none.
        inputs: Values that are filled before the first step.
        outputs: Values that must survive the last step.
        buffer_of: For each tensor of the graph, the value that holds it.
        shifts: For tensors that begin behind the start of their value: the bytes in between.
        parts: The values that lie inside a buffer with another name.
        replaced: For each value that replaces another: the replaced one, which only the value's step reads.
        pitches: For tensors that steps read pixel by pixel out of wider ones: the bytes from one pixel to the next.
    """

    sizes_bytes: Mapping[str, int]
    steps: tuple[Step, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    buffer_of: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    replaced: Mapping[str, str] = field(default_factory=dict)
    shifts: Mapping[str, int] = field(default_factory=dict)
    pitches: Mapping[str, int] = field(default_factory=dict)

    def home(self, value: str) -> str:
        """Return the buffer that holds `value`."""
        part = self.parts.get(value)
        return part.buffer if part else value

    def homes(self, values: Iterable[str]) -> tuple[str, ...]:
        """Return the buffers that hold `values`, each once."""
        return tuple(dict.fromkeys(map(self.home, values)))

    def displacement_bytes(self, value: str) -> int:
        """Return the bytes from the start of its buffer to `value`."""
        part = self.parts.get(value)
        return part.displacement_bytes if part else 0

    @property
    def pitch_of_tensor(self) -> dict[str, int]:
        """The pitch in bytes of each tensor that steps write into a wider one, or read out of it, pixel by pixel."""
        return {value: part.pitch_bytes for value, part in self.parts.items() if part.pitch_bytes} | {**self.pitches}


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Order and offsets, with the proof's state.

    Attributes:
        schedule: Names of the steps in execution order.
        buffers: Every buffer (tensors and scratch, the latter named "<step>.scratch") with its lifetime.
        offsets: Offset of each buffer in the arena.
        arena_bytes: Height of the placement: the arena's size.
        peak_step: Name of the step at which the most bytes are live.
        peak_live_bytes: Bytes live at that step, those that buffers may share counted once.
        lower_bound_bytes: No order and placement is smaller, under the problem's rules of overlap.
        offset_of_tensor: Offset of each tensor of the graph, through its buffer.
        buffer_of_tensor: That buffer.
        overlaps: The pairs of buffers that this order allows to share bytes, whether or not they do.
        pitch_of_tensor: For tensors that lie pixel by pixel in wider ones: the bytes from one pixel to the next.
        streams: The stream of each step that is one, by the step's name; its inner tensors have no offset.
    """

    schedule: tuple[str, ...]
    buffers: tuple[Buffer, ...]
    offsets: Mapping[str, int]
    arena_bytes: int
    peak_step: str
    peak_live_bytes: int
    lower_bound_bytes: int
    offset_of_tensor: Mapping[str, int] = field(default_factory=dict)
    buffer_of_tensor: Mapping[str, str] = field(default_factory=dict)
    overlaps: tuple[Overlap, ...] = ()
    pitch_of_tensor: Mapping[str, int] = field(default_factory=dict)
    streams: Mapping[str, Stream] = field(default_factory=dict)

    @property
    def proven(self) -> bool:
        """Whether no smaller arena exists."""
        return self.arena_bytes == self.lower_bound_bytes
