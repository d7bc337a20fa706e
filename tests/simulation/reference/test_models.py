"""The reference models of MLPerf Tiny: integers against onnxruntime's floats, operator by operator.

Each operator gets the int8 inputs that onnxruntime computed, so errors do not add up. Our rule
rounds half up with a 31-bit multiplier, onnxruntime to even in float32: they may differ by one
unit where the exact value lies within about 2**-10 of a tie, and nowhere else. Ties are common only
in averages over a power of two of elements; one that falls the other way can grow in later layers,
so whole networks are compared on inputs where none does.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from qdq import run_onnxruntime

from sparse_mcu.costmodel.graph import (
    Add,
    AveragePool2d,
    Conv2d,
    Dense,
    Graph,
    Operator,
    Softmax,
    decode_output,
    encode_input,
    load_graph,
)
from sparse_mcu.costmodel.graph.gate import admit
from sparse_mcu.costmodel.graph.lowering.lower import lower
from sparse_mcu.costmodel.graph.source import read_source
from sparse_mcu.simulation.reference import run_operator, run_reference

Array = npt.NDArray[np.int8]

MODELS = {
    "mlperf__ad01_int8.onnx": {"Dense": 10},
    "mlperf__kws_ref_model.onnx": {"Conv2d": 9, "AveragePool2d": 1, "Reshape": 1, "Dense": 1, "Softmax": 1},
    "mlperf__pretrainedResnet_quant.onnx": {
        "Conv2d": 9,
        "Add": 3,
        "AveragePool2d": 1,
        "Reshape": 1,
        "Dense": 1,
        "Softmax": 1,
    },
    "mlperf__str_ww_ref_model.onnx": {"Conv2d": 8, "Reshape": 1, "Dense": 1, "Softmax": 1},
    "mlperf__vww_96_int8.onnx": {"Conv2d": 27, "AveragePool2d": 1, "Reshape": 1, "Dense": 1, "Softmax": 1},
}


def sample_inputs(shape: tuple[int, ...]) -> list[Array]:
    """Noise, a ramp, a smooth random surface and the extremes."""
    rng = np.random.default_rng(0)
    size = int(np.prod(shape))
    smooth = np.clip(rng.normal(0, 25, shape).cumsum(axis=1), -128, 127)
    ramp = np.linspace(-128, 127, size).reshape(shape)
    return [array.astype(np.int8) for array in (rng.integers(-128, 128, shape), ramp, smooth, np.full(shape, 127))]


def is_near_tie(graph: Graph, operator: Operator, inputs: list[Array]) -> npt.NDArray[np.bool_]:
    """Where 2**-10 more or less before rounding changes the output."""
    if isinstance(operator, AveragePool2d):
        operator = as_convolution(graph, operator)
    if not isinstance(operator, Conv2d | Dense):
        return np.zeros(graph.output_of(operator).shape, np.bool_)
    factor = operator.rescale.multiplier.astype(np.float64) * 2.0 ** (operator.rescale.left_shift - 32)
    nudge = np.ceil(2.0**-10 / factor).astype(np.int32)
    lower_, upper = (
        run_operator(graph, replace(operator, bias=operator.bias + sign * nudge), inputs) for sign in (-1, 1)
    )
    return lower_ != upper


def as_convolution(graph: Graph, pool: AveragePool2d) -> Conv2d:
    """The same sum by a depthwise convolution, in units sixteen times finer, which has a bias to nudge."""
    channels = graph.output_of(pool).shape[3]
    rescale = replace(pool.rescale, multiplier=np.repeat(pool.rescale.multiplier // 16, channels))
    return Conv2d(
        name=pool.name,
        inputs=pool.inputs,
        output=pool.output,
        weights=np.full((channels, *pool.window.kernel, 1), 16, np.int8),
        bias=np.zeros(channels, np.int32),
        window=pool.window,
        groups=channels,
        rescale=rescale,
        clamp=pool.clamp,
    )


@pytest.mark.parametrize("name", MODELS)
def test_every_operator_agrees_with_onnxruntime(name: str, shared_data: Path) -> None:
    path = shared_data / "models" / name
    graph = load_graph(path)
    _, values = lower(read_source(admit(path)))
    made = tuple(tensor for tensor in graph.tensors if tensor not in graph.inputs)
    model = onnx.load(path)
    (source,) = graph.inputs
    different = elements = 0
    for array in sample_inputs(graph.ports[source].shape):
        computed = {source: array, **run_onnxruntime(model, {source: array}, also=made)}
        stored = {key: computed[key].transpose(values[key].permutation) for key in (source, *made)}
        for operator in graph.operators:
            inputs = [stored[key] for key in operator.inputs]
            got = run_operator(graph, operator, inputs)
            distance = np.abs(got.astype(int) - stored[operator.output].astype(int))
            assert distance.max() <= 1, operator.name
            unexplained = np.count_nonzero(distance[~is_near_tie(graph, operator, inputs)])
            assert unexplained <= (distance.size / 1000 if isinstance(operator, Add | Softmax) else 0), operator.name
            different += int(distance.sum())
            elements += distance.size
    assert different / elements < 1e-4


@pytest.mark.parametrize("name", MODELS)
def test_outputs_agree_with_onnxruntime(name: str, shared_data: Path) -> None:
    path = shared_data / "models" / name
    graph = load_graph(path)
    model = onnx.load(path)
    (source,), (sink,) = graph.inputs, graph.outputs
    for array in sample_inputs(graph.ports[source].shape):
        expected = run_onnxruntime(model, {source: array})[sink]
        got = decode_output(graph, sink, run_reference(graph, {source: encode_input(graph, source, array)})[sink])
        assert got.dtype == expected.dtype
        assert np.abs(got.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize("name", MODELS)
def test_lowering_leaves_nothing_to_run_but_layers(name: str, shared_data: Path) -> None:
    graph = load_graph(shared_data / "models" / name)
    found: dict[str, int] = {}
    for operator in graph.operators:
        found[type(operator).__name__] = found.get(type(operator).__name__, 0) + 1
    assert found == MODELS[name]
