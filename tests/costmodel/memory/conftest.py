"""Random planning problems."""

from dataclasses import replace

import pytest
from hypothesis import strategies as st

from sparse_mcu.costmodel.memory.model.plan import Buffer, MemoryProblem, Overlap, Part, Step


@st.composite
def _problems(
    draw: st.DrawFn, *, most_steps: int = 9, most_words: int = 16, with_overlap: bool = False
) -> MemoryProblem:
    """A DAG with several inputs (some unread), steps of one or two outputs, scratch, dead ends and free outputs."""
    word_sizes = st.integers(0, most_words).map(lambda words: 4 * words)
    inputs = [f"in{index}" for index in range(draw(st.integers(1, 2)))]
    sizes = {name: draw(word_sizes) for name in inputs}
    steps = []
    for index in range(draw(st.integers(1, most_steps))):
        reads = draw(st.lists(st.sampled_from([*sizes]), min_size=0 if index else 1, max_size=3, unique=True))
        writes = [f"t{index}.{part}" for part in range(draw(st.sampled_from([1, 1, 1, 2])))]
        sizes |= {name: draw(word_sizes) for name in writes}
        distances = _distances(draw, sizes, reads, writes) if with_overlap and len(writes) == 1 else {}
        scratch = draw(st.sampled_from([0, 0, 0, 8, 2 * most_words + 8]))
        steps.append(Step(f"s{index}", tuple(reads), tuple(writes), scratch, distances))
    if draw(st.booleans()):
        inputs.append("unread")
        sizes["unread"] = draw(word_sizes)
    outputs = draw(st.lists(st.sampled_from([*sizes]), min_size=1, max_size=2, unique=True))
    return MemoryProblem(sizes, tuple(steps), tuple(inputs), tuple(outputs), {name: name for name in sizes})


def _distances(draw: st.DrawFn, sizes: dict[str, int], reads: list[str], writes: list[str]) -> dict[str, int]:
    """For some of the inputs, anything from above the input to above the output."""
    chosen = draw(st.lists(st.sampled_from(reads), unique=True)) if reads else []
    return {name: 4 * draw(st.integers(-sizes[name] // 4, sizes[writes[0]] // 4)) for name in chosen}


@st.composite
def _joined(draw: st.DrawFn, *, most_steps: int, most_words: int = 16) -> MemoryProblem:
    """A problem in which some values are parts of a common buffer, without distances."""
    problem = draw(_problems(most_steps=most_steps, most_words=most_words, with_overlap=True))
    chosen = draw(st.lists(st.sampled_from([*problem.sizes_bytes]), max_size=3, unique=True))
    sizes, parts, top = {**problem.sizes_bytes}, dict[str, Part](), 0
    for name in chosen:
        parts[name] = Part("joint", top, sizes.pop(name))
        top += parts[name].size_bytes
    if parts:
        sizes["joint"] = top
    return replace(problem, sizes_bytes=sizes, parts=parts, steps=tuple(_apart(s, parts) for s in problem.steps))


def _apart(step: Step, parts: dict[str, Part]) -> Step:
    """`step` with distances between whole buffers only, but from one that it writes a part of the joint one to."""
    distances = {name: distance for name, distance in step.safe_distance_bytes.items() if name not in parts}
    return replace(step, safe_distance_bytes=distances)


@st.composite
def _overlapped(draw: st.DrawFn) -> tuple[list[Buffer], list[Overlap]]:
    """At most five small buffers with fixed lives, some of which may be overlapped by one born in their last step."""
    lives = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4), st.integers(1, 3)), min_size=2, max_size=5))
    buffers = [Buffer(f"b{i}", size, start, start + span) for i, (size, start, span) in enumerate(lives)]
    overlaps: list[Overlap] = []
    for dying in buffers:
        heirs = [heir for heir in buffers if heir.start == dying.end - 1 and heir.end > dying.end]
        if heirs and draw(st.booleans()):
            heir = draw(st.sampled_from(heirs))
            distance = draw(st.integers(-dying.size_bytes, heir.size_bytes))
            overlaps.append(Overlap(dying.name, heir.name, distance))
    return buffers, overlaps


@pytest.fixture(scope="session")
def overlapping_problems() -> st.SearchStrategy[MemoryProblem]:
    """Problems of at most seven steps, with safe distances and a buffer with parts."""
    return _joined(most_steps=7)


@pytest.fixture(scope="session")
def small_problems() -> st.SearchStrategy[MemoryProblem]:
    """Problems of at most three steps and few bytes, with safe distances and a buffer with parts."""
    return _joined(most_steps=3, most_words=3)


@pytest.fixture(scope="session")
def overlapped_buffers() -> st.SearchStrategy[tuple[list[Buffer], list[Overlap]]]:
    """Buffers with fixed lives, and which of them may share bytes."""
    return _overlapped()


@pytest.fixture(scope="session")
def problems() -> st.SearchStrategy[MemoryProblem]:
    """Problems of at most nine steps."""
    return _problems()


@pytest.fixture(scope="session")
def buffer_lists() -> st.SearchStrategy[list[Buffer]]:
    """At most seven buffers with fixed lives."""
    life = st.tuples(st.integers(0, 24), st.integers(0, 5), st.integers(1, 4))
    return st.lists(life, min_size=1, max_size=7).map(
        lambda lives: [Buffer(f"b{i}", size, start, start + span) for i, (size, start, span) in enumerate(lives)]
    )
