"""Input and output of a layer in one array, byte by byte: each kernel's declared order of access is safe and tight.

At the declared distance the generated C computes what it does with separate memory, and so does it further
apart. One byte closer there is an input for which it does not: a declaration that is needlessly far fails too.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from firmware_builds import BATCHES, call, host_compiler, write_sources
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kernel_cases import KERNELS, Batch, assert_computed, batches
from layer_cases import LayerCase

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import (
    Add,
    AveragePool2d,
    Clamp,
    Conv2d,
    Dense,
    Gather,
    MaxPool2d,
    Operator,
    Requantize,
    Softmax,
)
from sparse_mcu.costmodel.graph.requantization import rescale_for
from sparse_mcu.costmodel.graph.tensor import Tensor
from sparse_mcu.costmodel.memory.model.levers import NONE
from sparse_mcu.simulation.firmware import FirmwareSource, generate_firmware, generate_like
from sparse_mcu.simulation.firmware.choice.selection import select_kernels
from sparse_mcu.simulation.firmware.kernels import BY_NAME, Implementation
from sparse_mcu.simulation.firmware.options import BuildOptions

TRIALS = 40
BY_PLANES = {"depthwise_bytes", "depthwise_planes", "depthwise_strips"}
READ_PITCH = {name for name, kernel in BY_NAME.items() if "reads_pitch=" in inspect.getsource(kernel)}
_CHECKS = """
#include <stdio.h>
#include <string.h>
#include "model.c"
static int8_t memory[IN_SIZE + OUT_SIZE + FAR], source[IN_SIZE], apart[OUT_SIZE], scratch[1 << 14], others[4][IN_SIZE];
static void fill(int8_t *bytes, size_t size)
{
    static uint32_t state = 1;
    for (; size > 0; --size) {
        state = state * 1664525u + 1013904223u;
        *bytes++ = (int8_t)((state >> 24) - 128u);
    }
}
static int differ(const int8_t *a, const int8_t *b, size_t pixels, size_t channels, size_t pitch)
{
    for (; pixels > 0; --pixels, a += pitch, b += pitch) {
        if (memcmp(a, b, channels) != 0) {
            return 1;
        }
    }
    return 0;
}
/* In how many trials the output differs with (start of input - start of output) == distance. */
static int differences(void (*run)(int8_t *, int8_t *), size_t in_size, size_t pixels, size_t channels, size_t pitch,
                       int distance)
{
    int8_t *const input = memory + (distance > 0 ? distance : 0), *const output = input - distance;
    int different = 0;
    for (int trial = 0; trial < TRIALS; ++trial) {
        fill(others[0], sizeof others);
        fill(source, in_size);
        run(source, apart);
        memcpy(input, source, in_size);
        run(input, output);
        different += differ(output, apart, pixels, channels, pitch);
    }
    return different;
}
"""


@dataclass(frozen=True)
class Check:
    """One input of one layer, `distance` bytes above the output."""

    layer: int
    index: int
    distance: int


def differences(graph: Graph, source: FirmwareSource, checks: Sequence[Check], folder: Path) -> list[int]:
    """For each check, the trials of TRIALS in which overlapping changed the output."""
    write_sources(source, folder)
    symbols = {layer.operator: layer.symbol for layer in source.layers}
    pitches = source.plan.pitch_of_tensor
    spans = {name: span_of(tensor, pitches.get(name, 0)) for name, tensor in graph.tensors.items()}
    plan_has = {buffer.name for buffer in source.plan.buffers}
    runs, calls = [], []
    for number, check in enumerate(checks):
        operator = graph.operators[check.layer]
        arguments = [f"others[{i}]" for i in range(len(operator.inputs))] + ["output"]
        arguments[check.index] = "input"
        arguments += ["scratch"] if f"{operator.name}.scratch" in plan_has else []
        body = f"{symbols[operator.name]}({', '.join(arguments)});"
        runs.append(f"static void run_{number}(int8_t *input, int8_t *output) {{ {body} }}")
        output, channels = graph.output_of(operator), graph.output_of(operator).shape[-1]
        pixels, pitch = output.size_bytes // channels, pitches.get(output.name, channels)
        sizes = f"{spans[operator.inputs[check.index]]}, {pixels}, {channels}, {pitch}"
        calls.append(f'printf("%d\\n", differences(run_{number}, {sizes}, {check.distance}));')
    main = "int main(void) { " + "\n".join(calls) + " return 0; }"
    (folder / "overlap.c").write_text("\n".join([_CHECKS, *runs, main]))
    program = folder / "overlap"
    # Not optimised, so the order of access is the one that is written down, and compiling takes a quarter of the time.
    # No traps: what is read too late may be an index out of its table, which is a difference as well.
    compiler = [word for word in host_compiler() if not word.startswith("-fsanitize")]
    ins, outs = (max(spans[name] for name in names) for names in (graph.inputs, graph.outputs))
    macros = [f"-DIN_SIZE={ins}", f"-DOUT_SIZE={outs}", f"-DFAR={max(abs(check.distance) for check in checks)}"]
    call([*compiler, "-std=c11", "-O0", f"-DTRIALS={TRIALS}", *macros, str(folder / "overlap.c"), "-o", str(program)])
    return [int(line) for line in call([str(program)]).split()]


def span_of(tensor: Tensor, pitch: int) -> int:
    """Bytes from the tensor's first to its last, where its pixels are `pitch` apart; 0: side by side."""
    channels = tensor.shape[-1]
    return (tensor.size_bytes // channels - 1) * (pitch or channels) + channels


def sensitive(case: LayerCase) -> LayerCase:
    """The same order of access, but every input byte that is read shows in the output of some trial."""
    centred = [replace(tensor, quantization=replace(tensor.quantization, zero_point=0)) for tensor in case.inputs]
    output = replace(case.output, quantization=replace(case.output.quantization, zero_point=0))
    return LayerCase(_sensitive(case.operator), tuple(centred), output)


def _sensitive(operator: Operator) -> Operator:
    if isinstance(operator, Conv2d | Dense):
        shape = operator.weights.shape
        sizes = np.arange(np.prod(shape)).reshape(shape)
        weights = np.where(sizes % 2, 2, -3).astype(np.int8)
        if np.count_nonzero(operator.weights) < weights.size / 2:  # pruned: it stays so
            weights *= operator.weights != 0
        rescale = rescale_for(0.1 / np.sqrt(weights[0].size), 255 * 3 * weights[0].size, where="")
        return replace(operator, weights=weights, bias=np.zeros_like(operator.bias), rescale=rescale, clamp=Clamp())
    if isinstance(operator, AveragePool2d):
        taps = int(np.prod(operator.window.kernel))
        return replace(operator, rescale=rescale_for(2 / taps, 255 * taps, where=""), clamp=Clamp())
    if isinstance(operator, Requantize):
        return replace(operator, rescale=rescale_for(0.5, 255, where=""), clamp=Clamp())
    if isinstance(operator, Add):
        return replace(operator, multipliers=(3, 5), shift=3, clamp=Clamp())
    if isinstance(operator, Softmax):
        table = np.rint(np.exp(-0.02 * np.arange(256)) * 2**14).astype(np.uint32)
        return replace(operator, exp_table=table, numerator=256)
    return replace(operator, clamp=Clamp()) if isinstance(operator, MaxPool2d) else operator


def _hides(chosen: Implementation) -> bool:
    """Whether an input that was overwritten may not show.

    A border's maxima are the same as their neighbours', and so are those of lanes that are computed twice, the second
    time from the first maximum; the softmax of one element is 1; an element that is gathered
    twice may be written where it lies; a zero weight hides its input, which is read all the same by kernels for
    dense weights and where a sparse one copies whole windows; what strides skip is copied to planes all the same.
    """
    operator = chosen.site.operator
    if isinstance(operator, Conv2d) and chosen.kernel in BY_PLANES and operator.window.strides != (1, 1):
        return True
    if isinstance(operator, Conv2d | Dense) and (chosen.scratch_bytes or not chosen.kernel.startswith("sparse")):
        return not operator.weights.all()
    if isinstance(operator, Gather):
        return len(set(operator.indices.tolist())) < operator.indices.size
    if isinstance(operator, Softmax):
        return chosen.site.output.shape[-1] == 1
    twice = chosen.kernel == "max_pool2d_lanes" and chosen.site.output.shape[-1] % 4
    return isinstance(operator, MaxPool2d) and bool(any(operator.window.padding) or twice)


def test_every_kernel_is_tested_here() -> None:
    in_streams_only = {"average_pool2d_rows"}  # reads what never lies in the arena whole
    assert set(KERNELS) | in_streams_only == BY_NAME.keys()


@pytest.mark.parametrize("kernel", KERNELS)
@settings(BATCHES, max_examples=2)
@given(data=st.data())
def test_the_declared_distance_is_safe_and_tight(
    kernel: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_distances(data.draw(batches(kernel, sensitive)), {}, data, tmp_path_factory.mktemp("overlap"))


@pytest.mark.parametrize("kernel", [name for name in KERNELS if name in READ_PITCH])
@settings(BATCHES, max_examples=2)
@given(data=st.data())
def test_the_declared_distance_is_safe_and_tight_at_pitches(
    kernel: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    batch = data.draw(batches(kernel, sensitive))
    graph, pitches = batch.graph, dict[str, int]()
    chosen = select_kernels(graph, batch.board.core, kernels=batch.settled)
    for operator in graph.operators:
        inputs = operator.inputs if chosen[operator.name].reads_pitch else ()
        for name in (*inputs, operator.output) if chosen[operator.name].takes_pitch and inputs else inputs:
            extra = data.draw(st.sampled_from([None, 0, 1, 2, 5]))
            pitches |= {} if extra is None else {name: graph.tensor(name).shape[-1] + extra}
    assume(pitches)
    check_distances(batch, pitches, data, tmp_path_factory.mktemp("overlap"))


def check_distances(batch: Batch, pitches: Mapping[str, int], data: st.DataObject, folder: Path) -> None:
    """At the declared distance and further apart the same, one byte closer something else."""
    graph, board, settled = batch.graph, batch.board, batch.settled
    whole = select_kernels(graph, board.core, kernels=settled)
    chosen = {name: each.at_pitches(pitches) for name, each in whole.items()}
    safe, closer = [], []
    for layer, operator in enumerate(graph.operators):
        for index, name in enumerate(operator.inputs):
            distance, size = chosen[operator.name].contract.safe_distance_bytes[name], graph.tensor(name).size_bytes
            spread = data.draw(st.integers(0, size + graph.output_of(operator).size_bytes))
            safe += [Check(layer, index, distance), Check(layer, index, distance + spread)]
            if distance > -size and not _hides(chosen[operator.name]):
                closer.append(Check(layer, index, distance - 1))
    plain = generate_firmware(graph, board, BuildOptions(levers=NONE), kernels=settled)
    source = generate_like(graph, board, replace(plain, plan=replace(plain.plan, pitch_of_tensor=pitches)))
    assert_computed(batch, source)
    found = differences(graph, source, [*safe, *closer], folder)
    for check, different in zip([*safe, *closer], found, strict=True):
        case = batch.cases[check.layer]
        if check in safe:
            assert different == 0, f"{check} is not safe for {case}"
        else:
            assert different > 0, f"{check} is needlessly far for {case}"
