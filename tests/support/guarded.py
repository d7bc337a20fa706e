"""Builds small graphs, and runs their firmware with a guard behind each layer."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from firmware_builds import STRICT, call, host_compiler, macros, write_sources
from hypothesis import strategies as st

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.graph.operators import (
    Add,
    Clamp,
    Concat,
    Conv2d,
    MaxPool2d,
    Operator,
    Pad2d,
    Requantize,
    Slice,
    Window,
)
from sparse_mcu.costmodel.graph.requantization import rescale_for
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor
from sparse_mcu.simulation.firmware import FirmwareSource

Arrays = Mapping[str, npt.NDArray[np.int8]]
UNITS = Quantization(0.05, 0)
_RUNS = 3
_GUARD = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model.c"
static int8_t before[sizeof arena];
static void guard(const char *layer, size_t output, size_t pixels, size_t channels, size_t pitch,
                  size_t scratch, size_t scratch_size)
{
    for (size_t i = 0; i < sizeof arena; ++i) {
        const int is_output = i >= output && (i - output) / pitch < pixels && (i - output) % pitch < channels;
        if (arena[i] != before[i] && !is_output && i - scratch >= scratch_size) {
            fprintf(stderr, "%s writes byte %zu of the arena\\n", layer, i);
            exit(1);
        }
    }
    memcpy(before, arena, sizeof arena);
}
"""


def run_guarded(graph: Graph, source: FirmwareSource, inputs: Arrays, *, core: Core) -> dict[str, npt.NDArray[np.int8]]:
    """Runs firmware on this machine. A layer that writes outside its output and its working memory ends the run.

    It runs three times, over memory that holds something else before each run. All outputs must be equal.
    The code is not optimised, since the guards look at memory only. That takes a fifth of the time to compile, and
    every check for undefined behaviour is still there. `run_on_host` compiles with optimisation.
    """
    runs = source.files["model.c"].split("void model_run(void)")[1].split("}")[0]
    operators = {operator.name: operator for operator in graph.operators}
    sizes = {buffer.name: buffer.size_bytes for buffer in source.plan.buffers}
    steps = []
    for layer, line in zip(source.layers, re.findall(r"layer_.*?;", runs), strict=True):
        operator, offsets = operators[layer.operator], re.findall(r"arena\[(\d+)\]", line)
        scratch = sizes.get(f"{layer.operator}.scratch", 0)
        output, channels = graph.output_of(operator), graph.output_of(operator).shape[-1]
        pitch = source.plan.pitch_of_tensor.get(output.name, channels)
        written = f"{offsets[len(operator.inputs)]}, {output.size_bytes // channels}, {channels}, {pitch}"
        steps.append(f'{line} guard("{layer.symbol}", {written}, {offsets[-1] if scratch else 0}, {scratch});')
    reads = [f"fread(model_input_{i}(), 1, {inputs[name].size}, stdin)" for i, name in enumerate(graph.inputs)]
    writes = [
        f"fwrite(model_output_{i}(), 1, {graph.tensor(name).size_bytes}, stdout);"
        for i, name in enumerate(graph.outputs)
    ]
    poisoned = ["memset(arena, poison, sizeof arena);", f"if ({' + '.join(reads)} == 0) return 1;"]
    loop = f"for (int poison = 0x5a, run = 0; run < {_RUNS}; poison += 0x4b, ++run) {{"
    body = [loop, *poisoned, "memcpy(before, arena, sizeof arena);", *steps, *writes, "}"]
    main = "\n".join(["int main(void)", "{", "model_init();", *body, "return 0;", "}"])
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_sources(source, folder)
        (folder / "guarded.c").write_text(_GUARD + main)
        program = str(folder / "guarded")
        call([*host_compiler(), "-std=c11", "-O0", *STRICT, *macros(core), str(folder / "guarded.c"), "-o", program])
        answer = call([program], _RUNS * b"".join(inputs[name].tobytes() for name in graph.inputs))
    first, *others = np.frombuffer(answer, np.int8).reshape(_RUNS, -1)
    for other in others:
        np.testing.assert_array_equal(other, first)
    tensors = [graph.tensor(name) for name in graph.outputs]
    parts = np.split(first, np.cumsum([tensor.size_bytes for tensor in tensors])[:-1])
    return {tensor.name: part.reshape(tensor.shape) for tensor, part in zip(tensors, parts, strict=True)}


def assert_same(graph: Graph, outputs: Arrays, expected: Arrays) -> None:
    """Asserts that all outputs are equal, byte for byte."""
    for name in graph.outputs:
        np.testing.assert_array_equal(outputs[name], expected[name], err_msg=name)


class Builder:
    """Builds a graph of small feature maps that share a scale and a zero point."""

    def __init__(self) -> None:
        self.tensors = {"x": Tensor("x", (1, 6, 4, 4), UNITS)}
        self.operators: list[Operator] = []

    def add(
        self,
        kind: Callable[..., Operator],
        inputs: tuple[str, ...],
        shape: tuple[int, ...],
        **fields: Any,  # noqa: ANN401 - whatever that kind has
    ) -> str:
        """Appends an operator and returns the name of its output."""
        name = f"t{len(self.operators)}"
        self.tensors[name] = Tensor(name, shape, UNITS)
        self.operators.append(kind(name=f"op{len(self.operators)}", inputs=inputs, output=name, **fields))
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a tensor."""
        return self.tensors[name].shape

    def conv(self, source: str, channels: int, window: Window, *, depthwise: bool = False) -> str:
        """Appends a convolution with random weights and returns the name of its output."""
        rng = np.random.default_rng(len(self.operators))
        _, height, width, inputs = self.shape(source)
        groups, channels = (inputs, inputs) if depthwise else (1, channels)
        top, left, bottom, right = window.padding
        size = [
            (extent + pad - kernel) // stride + 1
            for extent, pad, kernel, stride in zip(
                (height, width), (top + bottom, left + right), window.kernel, window.strides, strict=True
            )
        ]
        return self.add(
            Conv2d,
            (source,),
            (1, *size, channels),
            weights=rng.integers(-9, 10, (channels, *window.kernel, inputs // groups)).astype(np.int8),
            bias=rng.integers(-99, 99, channels).astype(np.int32),
            window=window,
            groups=groups,
            rescale=rescale_for(0.02, 2**24, where=""),
            clamp=Clamp(),
        )

    def graph(self) -> Graph:
        """Returns the graph. Its outputs are the tensors that no operator reads."""
        read = {name for operator in self.operators for name in operator.inputs}
        outputs = tuple(operator.output for operator in self.operators if operator.output not in read)
        return Graph("levers", "0" * 64, self.tensors, tuple(self.operators), ("x",), outputs)


def channels_of(builder: Builder, source: str, first: int, count: int) -> str:
    """Appends a Slice that takes some channels of a map, and returns the name of its output."""
    shape = builder.shape(source)
    starts, steps = (*(0,) * (len(shape) - 1), first), (1,) * len(shape)
    return builder.add(Slice, (source,), (*shape[:-1], count), starts=starts, steps=steps)


@st.composite
def networks(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Graph:
    """Draws branching networks in which every lever has something to do."""
    builder, names = Builder(), ["x"]
    for _ in range(draw(st.integers(4, 10))):
        source = draw(st.sampled_from(names[-3:]))
        _, height, width, channels = shape = builder.shape(source)
        same = [name for name in names if builder.shape(name) == shape]
        other = draw(st.sampled_from(same))
        kind = draw(
            st.sampled_from(
                ["conv", "conv", "depthwise", "add", "concat", "concat", "requantize", "pool", "pad", "slice", "slice"]
            )
        )
        if kind in {"conv", "depthwise"}:
            kernel = draw(st.sampled_from([1, 3]))
            window = Window(kernel=(kernel, kernel), padding=(kernel // 2,) * 4, strides=(draw(st.integers(1, 2)), 1))
            made = builder.conv(source, draw(st.sampled_from([3, 4, 8])), window, depthwise=kind == "depthwise")
        elif kind == "add":
            made = builder.add(Add, (source, other), shape, multipliers=(3, 5), shift=3, clamp=Clamp())
        elif kind == "concat":
            axis = draw(st.sampled_from([1, 1, 3]))
            joined = tuple(size * 2 if at == axis else size for at, size in enumerate(shape))
            made = builder.add(Concat, (source, other), joined, axis=axis)
        elif kind == "requantize":
            rescale = rescale_for(0.7, 255, where="")
            made = builder.add(Requantize, (source,), shape, rescale=rescale, clamp=Clamp(low=-90))
        elif kind == "slice" and channels > 1:
            first = draw(st.integers(0, channels - 1))
            made = channels_of(builder, source, first, draw(st.integers(1, channels - first)))
        elif kind == "pool":
            window = Window(kernel=(2, 2), padding=(0, 0, 1, 1), strides=(1, 2))
            made = builder.add(
                MaxPool2d, (source,), (1, height, (width - 1) // 2 + 1, channels), window=window, clamp=Clamp()
            )
        else:
            padded = builder.add(Pad2d, (source,), (1, height + 2, width + 2, channels), padding=(1, 1, 1, 1), value=0)
            made = builder.conv(padded, channels, Window(kernel=(3, 3)))
        names.append(made)
    return builder.graph()
