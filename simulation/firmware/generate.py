"""Generates the firmware of a graph: chooses kernels, plans memory, and fills the C templates."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Operator
from sparse_mcu.costmodel.graph.tensor import Tensor
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan
from sparse_mcu.costmodel.memory.model.stream import Stream
from sparse_mcu.simulation.firmware.choice.planning import Choices, choose_and_plan
from sparse_mcu.simulation.firmware.choice.selection import select_kernels
from sparse_mcu.simulation.firmware.choice.stages import StageKernels
from sparse_mcu.simulation.firmware.kernels import Implementation
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions
from sparse_mcu.simulation.firmware.rendering import array_rows, c_identifier, indented, render
from sparse_mcu.simulation.firmware.source import STREAM, Constant, ConstantKind, FirmwareSource, Layer
from sparse_mcu.simulation.firmware.streaming import stream_code

_ARRAY_ALIGNMENT_BYTES = 4
VECTORS_BYTES = 16 * 4
_SECTION_MACRO: Mapping[ConstantKind, str] = {"weights": "WEIGHTS", "constants": "CONSTANTS"}


@dataclass(frozen=True, slots=True, eq=False)
class _LayerText:
    """Holds what the model's template shows of one layer."""

    symbol: str
    kernel: str
    operator: Operator
    inputs: tuple[Tensor, ...]
    output: Tensor
    constants: tuple[Constant, ...]
    code: str


@dataclass(frozen=True, slots=True, eq=False)
class _StepText:
    """Holds what the model's template shows of one step of the plan.

    A step calls one function: the function of its only layer, or the function of a stream of several layers.

    Attributes:
        symbol: The C function.
        argument_offsets: Where its arguments lie in the arena, in bytes.
        layers: The layers that it computes.
        stream: The stream; None for a single layer.
        stream_code: The C of the stream; empty for a single layer.
    """

    symbol: str
    argument_offsets: tuple[int, ...]
    layers: tuple[_LayerText, ...]
    stream: Stream | None = None
    stream_code: str = ""

    @property
    def functions(self) -> tuple[Layer, ...]:
        """The functions that the profile tells apart: each layer, and the stream itself if there is one."""
        if self.stream is None:
            return tuple(Layer(layer.operator.name, layer.kernel, layer.symbol) for layer in self.layers)
        layers = (Layer(layer.operator.name, layer.kernel, layer.symbol, self.symbol) for layer in self.layers)
        return (Layer(self.stream.name, STREAM, self.symbol), *layers)


@dataclass(frozen=True, slots=True)
class _ArrayText:
    """Holds what the data template shows of one array."""

    symbol: str
    macro: str
    c_type: str
    length: int
    rows: list[str]


def generate_firmware(
    graph: Graph, board: Board, options: BuildOptions = DEFAULTS, kernels: Mapping[str, str] | None = None
) -> FirmwareSource:
    """Generates everything that the compiler needs to build `graph` for `board`.

    The same arguments give the same bytes every time. A network that does not fit the board is generated all the same.

    Args:
        graph: A validated graph.
        board: The board.
        options: How kernels are chosen, what the memory plan may do, and how the network is called.
        kernels: Operator -> kernel, for operators whose kernel is settled. Their streams use these kernels too.

    Raises:
        UnsupportedOperatorError: No kernel computes one of the operators, or its settled kernel does not.
    """
    return write_firmware(graph, board, choose_and_plan(graph, board.core, options, kernels), options)


def generate_like(graph: Graph, board: Board, source: FirmwareSource) -> FirmwareSource:
    """Generates sources for `graph` with the memory plan, the kernels and the options of `source`.

    Nothing is chosen anew.

    Args:
        graph: The graph that `source` computes.
        board: The board.
        source: Sources of this graph. Their plan may have been replaced by another one.

    Raises:
        UnsupportedOperatorError: No kernel computes one of the operators.
    """
    options = source.options
    implementations = select_kernels(graph, board.core, options.optimise, source.whole_kernels)
    stages = StageKernels(board.core, options.optimise, source.kernels)
    return write_firmware(graph, board, (implementations, source.plan, stages), options)


def linker_script(board: Board) -> str:
    """Returns the linker script: the only file of the firmware that states the sizes of the board's memories."""
    return render("templates/firmware.ld.j2", board=board)


def write_firmware(graph: Graph, board: Board, choices: Choices, options: BuildOptions) -> FirmwareSource:
    """Generates sources for `graph` with kernels and a memory plan that were chosen before.

    Args:
        graph: A validated graph.
        board: The board.
        choices: What `choose_and_plan` chose for this graph, the board's core and these options.
        options: How the network is called.
    """
    implementations, plan, stages = choices
    steps = tuple(_steps(graph, plan, implementations, stages))
    constants = tuple(constant for step in steps for layer in step.layers for constant in layer.constants)
    weights_bytes, constants_bytes = (section_bytes(constants, kind) for kind in ("weights", "constants"))
    prefix = options.prefix
    names = {"prefix": prefix, "macro": prefix.upper()}
    return FirmwareSource(
        files={
            "arithmetic.h": render("templates/arithmetic.h.j2"),
            "blocks.h": render("templates/blocks.h.j2"),
            "firmware.ld": linker_script(board),
            "main.c": render("templates/main.c.j2", **names),
            "memory.c": render("templates/memory.c.j2"),
            f"{prefix}.c": _model_source(graph, board, plan, steps, names),
            f"{prefix}.h": _model_header(graph, plan, weights_bytes, constants_bytes, names),
            f"{prefix}_data.h": render(
                "templates/model_data.h.j2", graph=graph, arrays=[*map(_array, constants)], **names
            ),
            "startup.c": render("templates/startup.c.j2", core=board.core),
        },
        layers=tuple(function for step in steps for function in step.functions),
        constants=constants,
        plan=plan,
        weights_bytes=weights_bytes,
        constants_bytes=constants_bytes,
        vectors_bytes=VECTORS_BYTES,
        static_bytes=0,
        options=options,
    )


def _steps(
    graph: Graph, plan: MemoryPlan, implementations: Mapping[str, Implementation], stages: StageKernels
) -> Iterator[_StepText]:
    """Yields the steps of the plan in order, and numbers their layers."""
    number = count()
    for name in plan.schedule:
        if name in plan.streams:
            yield _stream_step(graph, plan, plan.streams[name], stages, number)
        else:
            chosen = _placed(implementations[name], plan)
            layer, site = _layer(next(number), chosen), chosen.site
            tensors = (*(tensor.name for tensor in site.inputs), site.output.name)
            yield _StepText(layer.symbol, _arguments(plan, tensors, name, chosen.scratch_bytes), (layer,))


def _stream_step(
    graph: Graph, plan: MemoryPlan, stream: Stream, stages: StageKernels, number: Iterator[int]
) -> _StepText:
    numbered = [(next(number), stages.of(stage)) for stage in stream.stages]
    layers = tuple(_layer(each, chosen) for each, chosen in numbered)
    symbol = f"stream_{numbered[0][0]:02d}"
    functions = {layer.operator.name: layer.symbol for layer in layers}
    arguments = _arguments(plan, (*stream.inputs, stream.output), stream.name, stream.scratch_bytes)
    return _StepText(symbol, arguments, layers, stream, stream_code(graph, stream, symbol, functions))


def _placed(chosen: Implementation, plan: MemoryPlan) -> Implementation:
    """Returns the implementation with its pixels as far apart as the plan places them."""
    return chosen.at_pitches(plan.pitch_of_tensor)


def _layer(number: int, chosen: Implementation) -> _LayerText:
    site = chosen.site
    symbol = f"layer_{number:02d}_{c_identifier(site.operator.name)}"
    return _LayerText(
        symbol=symbol,
        kernel=chosen.kernel,
        operator=site.operator,
        inputs=site.inputs,
        output=site.output,
        constants=tuple(replace(constant, symbol=f"{symbol}_{constant.symbol}") for constant in chosen.constants),
        code=indented(chosen.render(symbol)),
    )


def _arguments(plan: MemoryPlan, tensors: Iterable[str], step: str, scratch_bytes: int) -> tuple[int, ...]:
    """Returns the offsets in the arena of the inputs, of the output, and of the working memory if there is any."""
    scratch = (plan.offsets[f"{step}.scratch"],) if scratch_bytes else ()
    return (*(plan.offset_of_tensor[name] for name in tensors), *scratch)


def section_bytes(constants: Iterable[Constant], kind: ConstantKind) -> int:
    """Returns the size of a section in bytes. Each array is padded to a multiple of the alignment."""
    sizes = (constant.size_bytes for constant in constants if constant.kind == kind)
    return sum(-(-size // _ARRAY_ALIGNMENT_BYTES) * _ARRAY_ALIGNMENT_BYTES for size in sizes)


def _array(constant: Constant) -> _ArrayText:
    return _ArrayText(
        symbol=constant.symbol,
        macro=_SECTION_MACRO[constant.kind],
        c_type=f"{np.dtype(constant.values.dtype).name}_t",
        length=constant.values.size,
        rows=array_rows(constant.values),
    )


def _model_source(
    graph: Graph, board: Board, plan: MemoryPlan, steps: tuple[_StepText, ...], names: Mapping[str, str]
) -> str:
    return render(
        "templates/model.c.j2",
        graph=graph,
        core=board.core,
        steps=steps,
        input_offsets=[plan.offset_of_tensor[name] for name in graph.inputs],
        output_offsets=[plan.offset_of_tensor[name] for name in graph.outputs],
        **names,
    )


def _model_header(
    graph: Graph, plan: MemoryPlan, weights_bytes: int, constants_bytes: int, names: Mapping[str, str]
) -> str:
    return render(
        "templates/model.h.j2",
        graph=graph,
        plan=plan,
        weights_bytes=weights_bytes,
        constants_bytes=constants_bytes,
        inputs=[graph.tensor(name) for name in graph.inputs],
        outputs=[graph.tensor(name) for name in graph.outputs],
        **names,
    )
