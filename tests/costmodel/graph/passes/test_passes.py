"""Each pass keeps the graph valid and what it computes: with and without it, the reference gives the same bytes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from differential import kinds
from graph_faults import faults
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.graph import (
    Clamp,
    Conv2d,
    Dense,
    Gather,
    Graph,
    Quantization,
    Requantize,
    Reshape,
    Tensor,
    Transpose,
    rescale_for,
)
from sparse_mcu.costmodel.graph.passes import (
    PADDING,
    PASSES,
    Pass,
    join_clamps,
    remove_dead,
    run_passes,
    simplify_views,
)
from sparse_mcu.simulation.reference import run_reference

UNITS = Quantization(0.1, 2)


class GraphBuilder:
    """Makes small graphs of views, clamps and dense layers."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.tensors = {"x": Tensor("x", shape, UNITS)}
        self.operators: list[object] = []

    def _new(self, shape: tuple[int, ...]) -> tuple[str, str]:
        name = f"t{len(self.operators)}"
        self.tensors[name] = Tensor(name, shape, UNITS)
        return f"op{len(self.operators)}", name

    def transpose(self, source: str, order: tuple[int, ...]) -> str:
        """A Transpose."""
        name, out = self._new(tuple(self.tensors[source].shape[axis] for axis in order))
        self.operators.append(Transpose(name=name, inputs=(source,), output=out, permutation=order))
        return out

    def reshape(self, source: str, shape: tuple[int, ...]) -> str:
        """A Reshape."""
        name, out = self._new(shape)
        self.operators.append(Reshape(name=name, inputs=(source,), output=out))
        return out

    def clamp(self, source: str, low: int, high: int) -> str:
        """A Requantize that only clamps."""
        name, out = self._new(self.tensors[source].shape)
        rescale = rescale_for(1.0, 255, where="test")
        clamp = Clamp(low=low, high=high)
        self.operators.append(Requantize(name=name, inputs=(source,), output=out, rescale=rescale, clamp=clamp))
        return out

    def dense(self, source: str, features: int, seed: int = 0) -> str:
        """A Dense."""
        name, out = self._new((1, features))
        weights = np.random.default_rng(seed).integers(-127, 128, (features, self.tensors[source].size_bytes))
        self.operators.append(
            Dense(
                name=name,
                inputs=(source,),
                output=out,
                weights=weights.astype(np.int8),
                bias=np.zeros(features, np.int32),
                rescale=rescale_for(1e-3, 2**24, where="test"),
                clamp=Clamp(),
            )
        )
        return out

    def gather(self, source: str, indices: list[int]) -> str:
        """A Gather from a vector."""
        name, out = self._new((1, len(indices)))
        self.operators.append(
            Gather(name=name, inputs=(source,), output=out, axis=1, indices=np.array(indices, np.int64))
        )
        return out

    def graph(self, *outputs: str) -> Graph:
        """The graph."""
        return Graph("test", "", self.tensors, tuple(self.operators), ("x",), outputs)


def assert_same(before: Graph, after: Graph) -> None:
    """Both graphs give the same bytes for each output, in order."""
    x = np.random.default_rng(1).integers(-128, 128, before.tensor("x").shape).astype(np.int8)
    first, second = run_reference(before, {"x": x}), run_reference(after, {"x": x})
    for one, other in zip(before.outputs, after.outputs, strict=True):
        assert np.array_equal(first[one], second[other])


KINDS = ("transpose", "transpose", "reshape", "reshape", "clamp", "clamp", "dense", "gather")


@st.composite
def graphs(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Graph:
    """Up to ten views, clamps, dense layers and gathers, some of them dead, some with several readers."""
    builder = GraphBuilder((1, 2, 3, 4))
    names = ["x"]
    for _ in range(draw(st.integers(1, 10))):
        source = draw(st.sampled_from(names[-3:]))
        shape, size = builder.tensors[source].shape, builder.tensors[source].size_bytes
        kind = draw(st.sampled_from(KINDS))
        if kind == "transpose":
            made = builder.transpose(source, tuple(draw(st.permutations(range(len(shape))))))
        elif kind == "reshape":
            made = builder.reshape(
                source, draw(st.sampled_from([(1, size), (1, 1, 1, size), (1, size // 2, 2), shape]))
            )
        elif kind == "clamp":
            low = draw(st.integers(-128, 127))
            made = builder.clamp(source, low, draw(st.integers(low, 127)))
        elif kind == "gather":
            kept = draw(st.permutations(range(size)))[: draw(st.sampled_from([4, 12]))]
            made = builder.gather(builder.reshape(source, (1, size)), kept)
        else:
            made = builder.dense(builder.reshape(source, (1, size)), draw(st.sampled_from([4, 24])))
        names.append(made)
    return builder.graph(*draw(st.lists(st.sampled_from(names[1:]), min_size=1, max_size=3, unique=True)))


def assert_kept(before: Graph, after: Graph) -> None:
    """The graph after a pass is valid, computes the same, and has no more operators than folding adds views."""
    assert faults(after) == []
    assert len(after.operators) <= len(before.operators) + kinds(before).count("Dense") + kinds(before).count("Gather")
    assert_same(before, after)


@settings(max_examples=60, deadline=None)
@given(before=graphs())
@pytest.mark.parametrize("improve", PASSES, ids=[each.name for each in PASSES])
def test_a_pass_changes_no_output(improve: Pass, before: Graph) -> None:
    assert faults(before) == []
    assert_kept(before, improve.rewrite(before))
    assert improve(before) is before or not improve.ensures(before)


@settings(max_examples=100, deadline=None)
@given(before=graphs())
@pytest.mark.parametrize("pads_folded", [True, False])
def test_all_passes_together_leave_nothing_to_do(*, pads_folded: bool, before: Graph) -> None:
    after = run_passes(before, pads_folded=pads_folded)
    assert_kept(before, after)
    assert [each.name for each in PASSES if each is not PADDING and not each.ensures(after)] == []
    assert run_passes(after, pads_folded=pads_folded) is after


def test_a_transpose_before_a_dense_layer_becomes_an_order_of_columns() -> None:
    builder = GraphBuilder((1, 4, 4, 3))
    out = builder.dense(builder.reshape(builder.transpose("x", (0, 3, 1, 2)), (1, 48)), 5)
    before = builder.graph(out)
    after = run_passes(before)
    assert kinds(after) == ["Reshape", "Dense"]
    assert_same(before, after)


def test_a_transpose_that_others_read_stays_for_them() -> None:
    builder = GraphBuilder((1, 4, 4, 3))
    moved = builder.transpose("x", (0, 3, 1, 2))
    out = builder.dense(builder.reshape(moved, (1, 48)), 5)
    before = builder.graph(out, moved)
    after = run_passes(before)
    assert sorted(kinds(after)) == ["Dense", "Reshape", "Transpose"]
    assert_same(before, after)


def test_inverse_transposes_cancel() -> None:
    builder = GraphBuilder((1, 2, 3, 4))
    out = builder.dense(
        builder.reshape(builder.transpose(builder.transpose("x", (0, 3, 1, 2)), (0, 2, 3, 1)), (1, 24)), 3
    )
    assert kinds(simplify_views(builder.graph(out))).count("Transpose") == 1
    assert kinds(run_passes(builder.graph(out))) == ["Reshape", "Dense"]


def test_a_transpose_of_axes_of_one_is_a_view() -> None:
    builder = GraphBuilder((1, 1, 3, 4))
    (view,) = simplify_views(builder.graph(builder.transpose("x", (2, 0, 3, 1)))).operators
    assert isinstance(view, Reshape)


def test_a_clamp_joins_its_producer_through_views() -> None:
    builder = GraphBuilder((1, 8))
    dense = builder.dense("x", 6)
    out = builder.clamp(builder.clamp(builder.reshape(dense, (1, 2, 3)), 0, 127), -5, 60)
    before = builder.graph(out)
    after = join_clamps(before)
    assert kinds(after) == ["Dense", "Reshape"]
    assert after.operators[0].clamp == Clamp(low=0, high=60)
    assert_same(before, after)


def test_a_clamp_stays_where_its_input_has_other_readers() -> None:
    builder = GraphBuilder((1, 8))
    dense = builder.dense("x", 6)
    before = builder.graph(builder.clamp(dense, 0, 127), dense)
    assert kinds(join_clamps(before)) == ["Dense", "Requantize"]


def test_a_requantize_into_other_units_is_no_clamp() -> None:
    builder = GraphBuilder((1, 8))
    out = builder.clamp(builder.dense("x", 6), 0, 127)
    builder.tensors[out] = Tensor(out, (1, 6), Quantization(0.2, 0))
    assert kinds(join_clamps(builder.graph(out))) == ["Dense", "Requantize"]


def test_what_reaches_no_output_goes() -> None:
    builder = GraphBuilder((1, 8))
    builder.dense("x", 3)
    kept = builder.dense("x", 6)
    after = remove_dead(builder.graph(kept))
    assert kinds(after) == ["Dense"]
    assert set(after.tensors) == {"x", kept}
    assert Conv2d not in {type(operator) for operator in after.operators}
