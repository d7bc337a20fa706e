"""The scan of the wire format against protobuf's own parser."""

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import ModelError
from sparse_mcu.costmodel.graph.wire import check_wire


def sound_model() -> bytes:
    """A model with most kinds of fields."""
    network = QdqNetwork(np.random.default_rng(0))
    x = network.conv(network.input((1, 2, 5, 5)), 2, (2, 2), pads=(1, 1, 1, 1), bias="float32")
    model = network.build(network.softmax(network.dense(network.flatten(x), 3)))
    model.metadata_props.add(key="a", value="b")
    return model.SerializeToString()


SOUND = sound_model()


def test_a_sound_model_passes() -> None:
    check_wire(SOUND, where="model")


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, len(SOUND) - 1), byte=st.integers(0, 255), length=st.integers(0, len(SOUND)))
def test_whatever_the_parser_refuses_the_scan_refuses_or_leaves_to_it(place: int, byte: int, length: int) -> None:
    """The scan may be stricter than the parser or leave details to it, but never fails in another way."""
    data = (SOUND[:place] + bytes([byte]) + SOUND[place + 1 :])[:length]
    try:
        check_wire(data, where="model")
    except ModelError:
        return
    try:
        onnx.ModelProto.FromString(data)
    except DecodeError:
        return


@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, len(SOUND) - 1))
def test_a_cut_that_the_parser_notices_is_refused(length: int) -> None:
    try:
        onnx.ModelProto.FromString(SOUND[:length])
    except DecodeError:
        with pytest.raises(ModelError, match="cut short"):
            check_wire(SOUND[:length], where="model")
    else:
        check_wire(SOUND[:length], where="model")


@pytest.mark.parametrize(
    "data",
    [
        b"\x3a\xff",  # a length without end
        b"\x3a" + b"\x80" * 11,  # a number of more than ten bytes
        b"\x00\x00",  # field 0
        b"\x0b\x0c",  # a group
        b"\x09\x00",  # eight bytes that are not there
        b"\x3a\x05\x0a",  # five bytes that are not there
    ],
)
def test_broken_fields_are_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match="cut short"):
        check_wire(data, where="model")
