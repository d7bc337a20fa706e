"""Small graphs, and their firmware with a guard behind each layer."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from firmware_builds import call, host_compiler, write_sources

from costmodel.graph import Graph
from costmodel.graph.operators import Clamp, Conv2d, Operator, Window
from costmodel.graph.requantization import rescale_for
from costmodel.graph.tensor import Quantization, Tensor
from simulation.firmware import FirmwareSource

Arrays = Mapping[str, npt.NDArray[np.int8]]
UNITS = Quantization(0.05, 0)
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


def run_guarded(graph: Graph, source: FirmwareSource, inputs: Arrays) -> dict[str, npt.NDArray[np.int8]]:
    """Run on this machine; a layer that writes anything but its output and its working memory ends the run."""
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
    lines = ["memset(arena, 0x5a, sizeof arena);", f"if ({' + '.join(reads)} == 0) return 1;"]
    main = ["int main(void)", "{", *lines, "memcpy(before, arena, sizeof arena);", *steps, *writes, "return 0;", "}"]
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_sources(source, folder)
        (folder / "guarded.c").write_text(_GUARD + "\n".join(main))
        call([*host_compiler(), "-std=c11", "-O1", str(folder / "guarded.c"), "-o", str(folder / "guarded")])
        answer = call([str(folder / "guarded")], b"".join(inputs[name].tobytes() for name in graph.inputs))
    tensors = [graph.tensor(name) for name in graph.outputs]
    parts = np.split(np.frombuffer(answer, np.int8), np.cumsum([tensor.size_bytes for tensor in tensors])[:-1])
    return {tensor.name: part.reshape(tensor.shape) for tensor, part in zip(tensors, parts, strict=True)}


def assert_same(graph: Graph, outputs: Arrays, expected: Arrays) -> None:
    """Byte for byte."""
    for name in graph.outputs:
        np.testing.assert_array_equal(outputs[name], expected[name], err_msg=name)


class Builder:
    """A graph of small feature maps that share scale and zero point."""

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
        """Append an operator; the name of its output."""
        name = f"t{len(self.operators)}"
        self.tensors[name] = Tensor(name, shape, UNITS)
        self.operators.append(kind(name=f"op{len(self.operators)}", inputs=inputs, output=name, **fields))
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a tensor."""
        return self.tensors[name].shape

    def conv(self, source: str, channels: int, window: Window, *, depthwise: bool = False) -> str:
        """A convolution that keeps height and width where it is padded for that."""
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
        """The outputs are what nobody reads."""
        read = {name for operator in self.operators for name in operator.inputs}
        outputs = tuple(operator.output for operator in self.operators if operator.output not in read)
        return Graph("levers", "0" * 64, self.tensors, tuple(self.operators), ("x",), outputs)
