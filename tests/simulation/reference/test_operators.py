"""Each operator's meaning against its definition, written out in Python integers, element by element."""

from itertools import product
from math import exp

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.errors import SparseMcuError, UnsupportedOperatorError, UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import (
    Add,
    AveragePool2d,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    Gather,
    Graph,
    MaxPool2d,
    Operator,
    Pad2d,
    Quantization,
    Requantize,
    Rescale,
    Reshape,
    Slice,
    Softmax,
    Tensor,
    Transpose,
    Window,
    rescale_for,
)
from sparse_mcu.simulation.reference import run_operator, run_reference, trace_reference

Array = npt.NDArray[np.int8]


def graph_of(operator: Operator, inputs: list[tuple[int, ...]], output: tuple[int, ...], zeros: list[int]) -> Graph:
    """A graph of one operator; `zeros` are the zero points of its inputs and its output."""
    names = [*operator.inputs, operator.output]
    shapes = [*inputs, output]
    tensors = {
        name: Tensor(name, shape, Quantization(0.1, zero))
        for name, shape, zero in zip(names, shapes, zeros, strict=True)
    }
    return Graph("test", "", tensors, (operator,), tuple(dict.fromkeys(operator.inputs)), (operator.output,))


def codes(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Random codes."""
    return rng.integers(-128, 128, shape).astype(np.int8)


def rescaled(accumulator: int, rescale: Rescale, channel: int) -> int:
    """floor(((acc << left_shift) * multiplier + 2**31) / 2**32), in Python's integers."""
    multiplier = int(rescale.multiplier[channel % len(rescale.multiplier)])
    return ((accumulator << rescale.left_shift) * multiplier + 2**31) // 2**32


def clamped(value: int, clamp: Clamp) -> int:
    """Within the limits."""
    return min(max(value, clamp.low), clamp.high)


def draw_window(draw: st.DrawFn) -> Window:
    """Any small window."""
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    return Window(
        kernel=kernel,
        strides=(draw(st.integers(1, 2)), draw(st.integers(1, 3))),
        padding=tuple(draw(st.integers(0, 2)) for _ in range(4)),
        dilations=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
    )


def out_size(window: Window, height: int, width: int) -> tuple[int, int]:
    """Height and width of the output."""
    top, left, bottom, right = window.padding
    sizes = (height + top + bottom, width + left + right)
    reaches = [(kernel - 1) * step + 1 for kernel, step in zip(window.kernel, window.dilations, strict=True)]
    return tuple(
        (size - reach) // stride + 1 for size, reach, stride in zip(sizes, reaches, window.strides, strict=True)
    )


def under(window: Window, image: Array, row: int, column: int, channel: int) -> dict[tuple[int, int], int | None]:
    """The codes under the window at a place, by tap; None in the padding."""
    found: dict[tuple[int, int], int | None] = {}
    for y, x in product(range(window.kernel[0]), range(window.kernel[1])):
        place = (
            row * window.strides[0] + y * window.dilations[0] - window.padding[0],
            column * window.strides[1] + x * window.dilations[1] - window.padding[1],
        )
        inside = 0 <= place[0] < image.shape[1] and 0 <= place[1] < image.shape[2]
        found[y, x] = int(image[0, place[0], place[1], channel]) if inside else None
    return found


windows = st.composite(draw_window)()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    window=windows,
    groups=st.integers(1, 3),
    per_group=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
def test_conv2d(seed: int, window: Window, groups: int, per_group: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    channels_in, channels_out = groups * per_group[0], groups * per_group[1]
    weights = codes(rng, (channels_out, *window.kernel, per_group[0]))
    operator = Conv2d(
        name="conv",
        inputs=("x",),
        output="y",
        weights=weights,
        bias=rng.integers(-5000, 5000, channels_out).astype(np.int32),
        window=window,
        groups=groups,
        rescale=rescale_for(rng.uniform(1e-4, 3e-3, channels_out), 2**22, where="test"),
        clamp=Clamp(low=-100, high=90),
    )
    size = out_size(window, 6, 7)
    graph = graph_of(operator, [(1, 6, 7, channels_in)], (1, *size, channels_out), [-5, 12])
    x = codes(rng, (1, 6, 7, channels_in))
    got = run_operator(graph, operator, [x])
    assert got.shape == (1, *size, channels_out)
    for row, column, channel in product(range(size[0]), range(size[1]), range(channels_out)):
        accumulator = int(operator.bias[channel])
        for depth in range(per_group[0]):
            source = channel // per_group[1] * per_group[0] + depth
            for (tap_y, tap_x), code in under(window, x, row, column, source).items():
                if code is not None:
                    accumulator += (code + 5) * int(weights[channel, tap_y, tap_x, depth])
        expected = clamped(12 + rescaled(accumulator, operator.rescale, channel), operator.clamp)
        assert got[0, row, column, channel] == expected


def test_conv2d_is_the_same_a_row_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    operator = Conv2d(
        name="conv",
        inputs=("x",),
        output="y",
        weights=codes(rng, (4, 3, 3, 2)),
        bias=np.zeros(4, np.int32),
        window=Window(kernel=(3, 3), padding=(1, 1, 1, 1)),
        groups=1,
        rescale=rescale_for(1e-3, 2**22, where="test"),
        clamp=Clamp(),
    )
    x = codes(rng, (1, 6, 7, 2))
    graph = graph_of(operator, [x.shape], (1, 6, 7, 4), [-5, 12])
    whole = run_operator(graph, operator, [x])
    monkeypatch.setattr("sparse_mcu.simulation.reference.conv2d._ELEMENTS_AT_A_TIME", 1)
    assert np.array_equal(run_operator(graph, operator, [x]), whole)


def test_dense() -> None:
    rng = np.random.default_rng(0)
    operator = Dense(
        name="dense",
        inputs=("x",),
        output="y",
        weights=codes(rng, (5, 30)),
        bias=rng.integers(-5000, 5000, 5).astype(np.int32),
        rescale=rescale_for(rng.uniform(1e-4, 2e-3, 5), 2**22, where="test"),
        clamp=Clamp(low=-90, high=100),
    )
    x = codes(rng, (1, 30))
    got = run_operator(graph_of(operator, [(1, 30)], (1, 5), [7, -9]), operator, [x])
    for channel in range(5):
        accumulator = int(operator.bias[channel])
        accumulator += sum((int(x[0, k]) - 7) * int(operator.weights[channel, k]) for k in range(30))
        assert got[0, channel] == clamped(-9 + rescaled(accumulator, operator.rescale, channel), operator.clamp)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    multipliers=st.tuples(st.integers(0, 2**22 - 1), st.integers(0, 2**22 - 1)),
    shift=st.integers(1, 22),
)
def test_add(seed: int, multipliers: tuple[int, int], shift: int) -> None:
    rng = np.random.default_rng(seed)
    operator = Add(
        name="add", inputs=("a", "b"), output="y", multipliers=multipliers, shift=shift, clamp=Clamp(low=-120, high=100)
    )
    a, b = codes(rng, (1, 40)), codes(rng, (1, 40))
    got = run_operator(graph_of(operator, [(1, 40)] * 2, (1, 40), [0, 0, -6]), operator, [a, b])
    for index in range(40):
        total = int(a[0, index]) * multipliers[0] + int(b[0, index]) * multipliers[1] + 2 ** (shift - 1)
        assert got[0, index] == clamped(-6 + total // 2**shift, operator.clamp)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), window=windows)
def test_pools(seed: int, window: Window) -> None:
    rng = np.random.default_rng(seed)
    x = codes(rng, (1, 6, 7, 2))
    size = out_size(window, 6, 7)
    clamp = Clamp(low=-90, high=110)
    rescale = rescale_for(1 / (window.kernel[0] * window.kernel[1]), 255 * 9, where="test")
    largest = MaxPool2d(name="max", inputs=("x",), output="y", window=window, clamp=clamp)
    mean = AveragePool2d(name="mean", inputs=("x",), output="y", window=window, rescale=rescale, clamp=clamp)
    got_largest = run_operator(graph_of(largest, [x.shape], (1, *size, 2), [3, 3]), largest, [x])
    got_mean = run_operator(graph_of(mean, [x.shape], (1, *size, 2), [3, -4]), mean, [x])
    for row, column, channel in product(range(size[0]), range(size[1]), range(2)):
        found = under(window, x, row, column, channel).values()
        peak = max(-128 if code is None else code for code in found)
        assert got_largest[0, row, column, channel] == clamped(peak, clamp)
        total = sum(0 if code is None else code - 3 for code in found)
        assert got_mean[0, row, column, channel] == clamped(-4 + rescaled(total, rescale, 0), clamp)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.01, 1.0), length=st.integers(1, 12))
def test_softmax(seed: int, scale: float, length: int) -> None:
    rng = np.random.default_rng(seed)
    table = [round(exp(-scale * distance) * 2**22) for distance in range(256)]
    table = table[: table.index(0)] if 0 in table else table
    operator = Softmax(
        name="softmax",
        inputs=("x",),
        output="y",
        exp_table=np.array(table, np.uint32),
        numerator=512,
        denominator=2,
    )
    x = codes(rng, (2, length))
    got = run_operator(graph_of(operator, [x.shape], x.shape, [0, -128]), operator, [x])
    for row in range(2):
        distances = [int(x[row].max()) - int(code) for code in x[row]]
        powers = [table[distance] if distance < len(table) else 0 for distance in distances]
        divisor = sum(powers) * 2
        for power, code in zip(powers, got[row], strict=True):
            assert code == clamped(-128 + (power * 512 + divisor // 2) // divisor, Clamp())


def test_requantize_for_every_code() -> None:
    rescale = rescale_for(1.7, 255, where="test")
    operator = Requantize(name="r", inputs=("x",), output="y", rescale=rescale, clamp=Clamp(low=-50, high=99))
    x = np.arange(-128, 128).astype(np.int8).reshape(1, 256)
    got = run_operator(graph_of(operator, [x.shape], x.shape, [11, -2]), operator, [x])
    for code in range(-128, 128):
        assert got[0, code + 128] == clamped(-2 + rescaled(code - 11, rescale, 0), operator.clamp)


def test_movements() -> None:
    rng = np.random.default_rng(0)
    x, y = codes(rng, (1, 3, 4, 2)), codes(rng, (1, 3, 1, 2))
    pad = Pad2d(name="p", inputs=("x",), output="y", padding=(1, 2, 0, 3), value=-77)
    padded = run_operator(graph_of(pad, [x.shape], (1, 4, 9, 2), [0, 0]), pad, [x])
    assert np.array_equal(padded[:, 1:, 2:6], x)
    assert padded.sum(dtype=np.int64) == x.sum(dtype=np.int64) - 77 * (padded.size - x.size)
    concat = Concat(name="c", inputs=("x", "z"), output="y", axis=2)
    joined = run_operator(graph_of(concat, [x.shape, y.shape], (1, 3, 5, 2), [0, 0, 0]), concat, [x, y])
    assert np.array_equal(joined[:, :, :4], x)
    assert np.array_equal(joined[:, :, 4:], y)
    transpose = Transpose(name="t", inputs=("x",), output="y", permutation=(0, 3, 1, 2))
    moved = run_operator(graph_of(transpose, [x.shape], (1, 2, 3, 4), [0, 0]), transpose, [x])
    assert all(moved[0, c, h, w] == x[0, h, w, c] for c, h, w in product(range(2), range(3), range(4)))
    assert moved.flags.c_contiguous
    reshape = Reshape(name="v", inputs=("x",), output="y")
    assert run_operator(graph_of(reshape, [x.shape], (1, 24), [0, 0]), reshape, [x]).tobytes() == x.tobytes()


def test_selections() -> None:
    x = codes(np.random.default_rng(0), (1, 6, 7, 3))
    gather = Gather(name="g", inputs=("x",), output="y", axis=2, indices=np.array([6, 0, 0, 2]))
    chosen = run_operator(graph_of(gather, [x.shape], (1, 6, 4, 3), [0, 0]), gather, [x])
    assert all(np.array_equal(chosen[:, :, i], x[:, :, place]) for i, place in enumerate([6, 0, 0, 2]))
    assert chosen.shape == (1, 6, 4, 3)
    slice_ = Slice(name="s", inputs=("x",), output="y", starts=(0, 1, 0, 2), steps=(1, 2, 3, 1))
    left = run_operator(graph_of(slice_, [x.shape], (1, 2, 3, 1), [0, 0]), slice_, [x])
    places = product(range(2), range(3))
    assert [int(code) for code in left.ravel()] == [int(x[0, 1 + 2 * row, 3 * column, 2]) for row, column in places]


def relu_graph() -> Graph:
    """A graph of one Requantize."""
    rescale = rescale_for(1.0, 255, where="test")
    operator = Requantize(name="r", inputs=("x",), output="y", rescale=rescale, clamp=Clamp(low=0))
    return graph_of(operator, [(1, 4)], (1, 4), [0, 0])


def test_a_trace_holds_every_tensor() -> None:
    graph = relu_graph()
    x = np.array([[-3, 0, 5, 127]], np.int8)
    trace = trace_reference(graph, {"x": x})
    assert trace["y"].tolist() == [[0, 0, 5, 127]]
    assert trace["x"] is x
    assert run_reference(graph, {"x": x}).keys() == {"y"}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, r"the given inputs are \[\]"),
        ({"x": np.zeros((1, 4), np.int8), "z": np.zeros(1, np.int8)}, "Give exactly"),
        ({"x": np.zeros((4,), np.int8)}, r"int8 \[4\]"),
        ({"x": np.zeros((1, 4), np.int16)}, "int16"),
    ],
)
def test_inputs_that_do_not_suit_are_refused(inputs: dict[str, Array], message: str) -> None:
    with pytest.raises(SparseMcuError, match=message):
        run_reference(relu_graph(), inputs)


def test_an_operator_without_meaning_is_refused() -> None:
    operator = Operator(name="mystery", inputs=("x",), output="y")
    graph = graph_of(operator, [(1, 4)], (1, 4), [0, 0])
    with pytest.raises(UnsupportedOperatorError, match=r"'mystery' \(Operator\) has no meaning"):
        run_reference(graph, {"x": np.zeros((1, 4), np.int8)})


def test_accumulators_beyond_32_bits_are_refused() -> None:
    operator = Dense(
        name="dense",
        inputs=("x",),
        output="y",
        weights=np.full((1, 140_000), 127, np.int8),
        bias=np.zeros(1, np.int32),
        rescale=rescale_for(1e-6, 2**20, where="test"),
        clamp=Clamp(),
    )
    graph = graph_of(operator, [(1, 140_000)], (1, 1), [-128, 0])
    with pytest.raises(UnsupportedQuantizationError, match="overflows 32 bits"):
        run_reference(graph, {"x": np.full((1, 140_000), 127, np.int8)})


def test_softmax_beyond_32_bits_is_refused() -> None:
    table = np.array([2**31], np.uint32)
    operator = Softmax(name="s", inputs=("x",), output="y", exp_table=table, numerator=256, denominator=1)
    with pytest.raises(UnsupportedQuantizationError, match="overflows 32 bits"):
        run_reference(graph_of(operator, [(1, 4)], (1, 4), [0, 0]), {"x": np.zeros((1, 4), np.int8)})
