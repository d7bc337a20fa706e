"""Resize by leaving elements out, against onnxruntime."""

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork, Quantized

from sparse_mcu.costmodel.errors import ModelError, UnsupportedOperatorError

COORDINATES = ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"]
NEAREST = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]


def resized(
    network: QdqNetwork,
    x: Quantized,
    size: tuple[int, int],
    *,
    by_size: bool,
    direct: bool = False,
    **attributes: object,
) -> Quantized:
    """Resize of height and width."""
    shape = (*x.shape[:2], *size)
    if by_size:
        extra = ["", "", network.constant(np.array(shape, np.int64))]
    else:
        scales = np.array(shape, np.float32) / np.array(x.shape, np.float32)
        extra = ["", network.constant(scales)]
    return network.structural("Resize", [x], shape, extra=extra, direct=direct, **attributes)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_nearest_downsampling_agrees_or_is_refused(data: st.DataObject) -> None:
    draw = data.draw
    network = QdqNetwork(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))), dtype=draw(st.sampled_from(["int8", "uint8"]))
    )
    size = draw(st.tuples(*[st.integers(1, 6)] * 2))
    factor = draw(st.tuples(*[st.integers(1, 7)] * 2))
    x = network.input((1, 3, size[0] * factor[0], size[1] * factor[1]))
    y = resized(
        network,
        x,
        size,
        by_size=draw(st.booleans()),
        direct=draw(st.booleans()),
        mode="nearest",
        coordinate_transformation_mode=draw(st.sampled_from(COORDINATES)),
        nearest_mode=draw(st.sampled_from(NEAREST)),
    )
    try:
        load_built(network, y)
    except UnsupportedOperatorError as error:
        assert "not equally far apart" in str(error)  # noqa: PT017 - refusing is one of the two right answers
        return
    assert kinds(assert_agrees(network, y)) == (["Slice"] if factor != (1, 1) and y.shape != x.shape else ["Reshape"])


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("coordinates", ["half_pixel", "asymmetric"])
def test_an_image_is_downsampled_by_the_usual_factors(factor: int, coordinates: str) -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 1, 28 // factor * factor, 28 // factor * factor))
    size = (28 // factor, 28 // factor)
    y = resized(network, x, size, by_size=False, coordinate_transformation_mode=coordinates, nearest_mode="floor")
    assert kinds(assert_agrees(network, network.conv(y, 3, (3, 3)))) == ["Slice", "Conv2d"]


@pytest.mark.parametrize(
    ("size", "attributes", "message"),
    [
        ((12, 6), {}, "axis 2 is resized by 2"),
        ((3, 3), {"mode": "linear"}, "mode 'linear'"),
        ((3, 3), {"coordinate_transformation_mode": "tf_crop_and_resize"}, "tf_crop_and_resize"),
        ((4, 4), {}, "not equally far apart"),
    ],
)
def test_other_resizes_are_refused(size: tuple[int, int], attributes: dict[str, object], message: str) -> None:
    network = QdqNetwork(np.random.default_rng(0))
    y = resized(network, network.input((1, 2, 6, 6)), size, by_size=True, direct=True, **attributes)
    with pytest.raises(UnsupportedOperatorError, match=message):
        load_built(network, y)


@pytest.mark.parametrize(("sizes", "message"), [([1, 2, 3], "3 numbers for axes"), ([1, 2, 0, 3], "resized by 0")])
def test_sizes_that_are_none_are_refused(sizes: list[int], message: str) -> None:
    network = QdqNetwork(np.random.default_rng(0))
    extra = ["", "", network.constant(np.array(sizes, np.int64))]
    y = network.structural("Resize", [network.input((1, 2, 6, 6))], (1, 2, 3, 3), extra=extra, direct=True)
    with pytest.raises(ModelError, match=message):
        load_built(network, y)
