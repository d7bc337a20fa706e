"""Random planning problems."""

import pytest
from hypothesis import strategies as st

from costmodel.memory.plan import Buffer, MemoryProblem, Step

SIZES = st.integers(0, 16).map(lambda words: 4 * words)


@st.composite
def _problems(draw: st.DrawFn, *, most_steps: int = 9) -> MemoryProblem:
    """A DAG with several inputs (some unread), steps of one or two outputs, scratch, dead ends and free outputs."""
    inputs = [f"in{index}" for index in range(draw(st.integers(1, 2)))]
    sizes = {name: draw(SIZES) for name in inputs}
    steps = []
    for index in range(draw(st.integers(1, most_steps))):
        reads = draw(st.lists(st.sampled_from([*sizes]), min_size=0 if index else 1, max_size=3, unique=True))
        writes = [f"t{index}.{part}" for part in range(draw(st.sampled_from([1, 1, 1, 2])))]
        sizes |= {name: draw(SIZES) for name in writes}
        steps.append(Step(f"s{index}", tuple(reads), tuple(writes), draw(st.sampled_from([0, 0, 0, 8, 40]))))
    outputs = draw(st.lists(st.sampled_from([*sizes]), min_size=1, max_size=2, unique=True))
    return MemoryProblem(sizes, tuple(steps), tuple(inputs), tuple(outputs), {name: name for name in sizes})


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
