"""Orders of access put together from loops, against all their moments one by one."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import max_pools

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.costmodel.graph.operators import Concat
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor
from sparse_mcu.costmodel.memory.model.access import NOTHING, AccessPattern, safe_distance_bytes
from sparse_mcu.simulation.firmware.kernels.concat import concat
from sparse_mcu.simulation.firmware.kernels.kernel import Site
from sparse_mcu.simulation.firmware.kernels.order import elements, first_inside, loop, moments, slide

Moments = list[tuple[int, int]]
ADDRESS = st.integers(0, 40)
PLACES = st.lists(ADDRESS, min_size=1, max_size=5)


def distance(steps: Moments) -> int:
    """The definition: each write lies below all later reads."""
    pairs = [(wrote, read) for at, (_, wrote) in enumerate(steps) for read, _ in steps[at + 1 :]]
    return max((wrote - read for wrote, read in pairs), default=-NOTHING)


def test_the_example_of_the_module() -> None:
    pattern = loop(moments((0, 2)), [0, 4, 8], [0, 2, 4])
    assert steps_of(pattern) == [(0, 2), (4, 4), (8, 6)]
    assert safe_distance_bytes(pattern, 12) == -2


def steps_of(pattern: AccessPattern) -> Moments:
    """A pattern as pairs."""
    return [*zip(pattern.lowest_read.tolist(), pattern.write_end.tolist(), strict=True)]


@given(
    body=st.lists(st.tuples(ADDRESS, ADDRESS.map(lambda end: end + 1)), min_size=1, max_size=6),
    inner=st.data(),
)
def test_nested_loops_allow_what_their_moments_do(body: Moments, inner: st.DataObject) -> None:
    pattern, steps = moments(*body), body
    for _ in range(inner.draw(st.integers(1, 3))):
        reads = inner.draw(PLACES)
        writes = inner.draw(st.lists(ADDRESS, min_size=len(reads), max_size=len(reads)))
        pattern = loop(pattern, reads, writes)
        steps = [(read + r, wrote + w) for r, w in zip(reads, writes, strict=True) for read, wrote in steps]
    assert max(distance(steps_of(pattern)), -NOTHING) == distance(steps)


@given(st.integers(1, 50))
def test_elements_are_read_before_they_are_written(count: int) -> None:
    each = [(index, index + 1) for index in range(count)]
    assert distance(steps_of(elements(count))) == distance(each)


def test_a_moment_that_does_nothing_is_left_out() -> None:
    assert steps_of(moments((NOTHING, 0), (0, 4), (NOTHING, 6))) == [(0, 4), (NOTHING, 6)]


@settings(max_examples=200)
@given(case=max_pools())
def test_a_window_meets_the_input_where_its_first_tap_does(case: object) -> None:
    window, (source,), output = case.operator.window, case.inputs, case.output
    for axis in (0, 1):
        extent, places = source.shape[axis + 1], output.shape[axis + 1]
        taps = [
            [at * window.strides[axis] - window.padding[axis] + k * window.dilations[axis] for k in range(kernel)]
            for kernel in [window.kernel[axis]]
            for at in range(places)
        ]
        expected = [min((tap for tap in row if 0 <= tap < extent), default=NOTHING) for row in taps]
        assert first_inside(window, axis, places, extent).tolist() == expected


@settings(max_examples=100)
@given(case=max_pools(), body=st.lists(st.tuples(ADDRESS, ADDRESS.map(lambda end: end + 1)), min_size=1, max_size=3))
def test_sliding_goes_row_by_row(case: object, body: Moments) -> None:
    (source,), output, window = case.inputs, case.output, case.operator.window
    site = Site(case.operator, case.inputs, output, load_core("cortex-m4"))
    (_, height, width, channels), (_, out_height, out_width, _) = source.shape, output.shape
    rows, columns = first_inside(window, 0, out_height, height), first_inside(window, 1, out_width, width)
    steps = [
        (min((row * width + column) * channels + read, NOTHING), (y * out_width + x) * channels + wrote)
        for (y, row), (x, column) in product(enumerate(rows.tolist()), enumerate(columns.tolist()))
        for read, wrote in body
    ]
    found = distance(steps_of(slide(window, site, moments(*body))))
    assert max(found, -source.size_bytes) == max(distance(steps), -source.size_bytes)


def test_a_large_map_is_described_by_few_moments() -> None:
    pattern = loop(loop(elements(16), range(96), range(96)), range(96), range(96))
    assert pattern.write_end.size == 2 * 96


def test_a_tensor_read_twice_is_safe_from_both_readings() -> None:
    half, whole = (Tensor(name, (1, size), Quantization(0.1, 0)) for name, size in (("half", 8), ("whole", 16)))
    operator = Concat(name="twice", inputs=("half", "half"), output="whole", axis=1)
    made = concat(Site(operator, (half, half), whole, load_core("cortex-m4")))
    assert made is not None
    assert [max(safe_distance_bytes(each, 8), -8) for each in made.access] == [-8, 8]
    assert made.contract.safe_distance_bytes == {"half": 8}
