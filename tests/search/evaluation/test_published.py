"""The sizes of SpArSe's paper, worked out by hand."""

import numpy as np
import pytest

from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.graph.operators import Add, Clamp, Concat, Conv2d, Dense, MaxPool2d, Operator, Reshape, Window
from sparse_mcu.costmodel.graph.requantization import Rescale
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor
from sparse_mcu.search.evaluation.published import model_size, working_memory_1, working_memory_2


def conv(name: str, source: str, weights: np.ndarray) -> Conv2d:
    """A padded 3x3 convolution."""
    rescale = Rescale(np.ones(len(weights), np.int32), 0)
    return Conv2d(
        name=name,
        inputs=(source,),
        output=name,
        weights=weights.astype(np.int8),
        bias=np.ones(len(weights), np.int32),
        window=Window(kernel=(3, 3), padding=(1, 1, 1, 1)),
        groups=1,
        rescale=rescale,
        clamp=Clamp(),
    )


def dense(name: str, source: str, weights: np.ndarray) -> Dense:
    bias = np.ones(len(weights), np.int32)
    rescale = Rescale(np.ones(len(weights), np.int32), 0)
    return Dense(
        name=name,
        inputs=(source,),
        output=name,
        weights=weights.astype(np.int8),
        bias=bias,
        rescale=rescale,
        clamp=Clamp(),
    )


def graph(operators: list[Operator], **shapes: tuple[int, ...]) -> Graph:
    tensors = {name: Tensor(name, shape, Quantization(1.0, 0)) for name, shape in shapes.items()}
    return Graph("net", "0" * 64, tensors, tuple(operators), ("image",), (operators[-1].output,))


@pytest.fixture
def chain() -> Graph:
    """Image 8x8, convolution to 4 channels with 3 zero weights, pool to 4x4, dense 10 with 100 zero weights."""
    kernels, matrix = np.ones((4, 3, 3, 1)), np.ones((10, 64))
    kernels[0, 0] = 0
    matrix[:, :10] = 0
    pool = MaxPool2d(
        name="pool", inputs=("conv",), output="pool", window=Window(kernel=(2, 2), strides=(2, 2)), clamp=Clamp()
    )
    flat = Reshape(name="flat", inputs=("pool",), output="flat")
    operators = [conv("conv", "image", kernels), pool, flat, dense("logits", "flat", matrix)]
    return graph(operators, image=(1, 8, 8, 1), conv=(1, 8, 8, 4), pool=(1, 4, 4, 4), flat=(1, 64), logits=(1, 10))


def test_a_net_of_three_layers_by_hand(chain: Graph) -> None:
    assert model_size(chain) == (36 - 3) + (640 - 100)
    assert working_memory_1(chain) == max(64 + 33, 256 + 0, 64 + 540)
    assert working_memory_2(chain) == max(64 + 256, 256 + 64, 64 + 10)


def test_an_addition_has_two_inputs_and_a_concatenation_is_no_layer() -> None:
    first, second = conv("first", "image", np.ones((4, 3, 3, 1))), conv("second", "first", np.ones((4, 3, 3, 4)))
    added = Add(name="sum", inputs=("first", "second"), output="sum", multipliers=(1, 1), shift=1, clamp=Clamp())
    joined = Concat(name="all", inputs=("sum", "second"), output="all", axis=3)
    whole = (1, 8, 8, 4)
    net = graph(
        [first, second, added, joined], image=(1, 8, 8, 1), first=whole, second=whole, sum=whole, all=(1, 8, 8, 8)
    )
    assert model_size(net) == 36 + 144
    assert working_memory_1(net) == max(64 + 36, 256 + 144, 512)
    assert working_memory_2(net) == 256 + 256 + 256
