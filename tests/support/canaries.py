"""Finds every stray byte that emulated firmware writes, by guards around buffers and the arena after each layer."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan
from sparse_mcu.simulation.analysis.analysis import BuiltModel, build_model, roomy
from sparse_mcu.simulation.analysis.lowering import LoweredModel
from sparse_mcu.simulation.engines.protocol import Engine, RunRequest, RunResult
from sparse_mcu.simulation.firmware import generate_firmware, generate_like
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.toolchain.protocol import Toolchain

Arrays = Mapping[str, npt.NDArray[np.int8]]
GUARD_BYTES = 32
BUDGET = 4_000_000_000


def spread_out(plan: MemoryPlan, guard_bytes: int = GUARD_BYTES) -> MemoryPlan:
    """Returns a plan in which each buffer has memory of its own for the whole run, with guards around it."""
    offsets, top = {}, guard_bytes
    for buffer in plan.buffers:
        offsets[buffer.name] = top
        top += buffer.size_bytes + guard_bytes
    moved = {name: at + offsets[home] - plan.offsets[home] for name, (at, home) in _places(plan).items()}
    return replace(plan, offsets=offsets, offset_of_tensor=moved, arena_bytes=top)


def _places(plan: MemoryPlan) -> dict[str, tuple[int, str]]:
    return {name: (at, plan.buffer_of_tensor[name]) for name, at in plan.offset_of_tensor.items()}


def build(
    graph: Graph,
    board: Board,
    toolchain: Toolchain,
    folder: Path,
    *,
    levers: Levers = ALL,
    change: Callable[[MemoryPlan], MemoryPlan] = lambda plan: plan,
) -> BuiltModel:
    """Builds firmware with a changed plan, for a board with as much RAM as it needs."""
    source = generate_firmware(graph, roomy(board), BuildOptions(levers=levers))
    source = generate_like(graph, roomy(board), replace(source, plan=change(source.plan)))
    return build_model(LoweredModel(graph, roomy(board), source), toolchain, folder)


def request(built: BuiltModel, inputs: Arrays, background: bytes, stop: str = "firmware_done") -> RunRequest:
    """Returns a request to run up to the function `stop`. The arena holds `background` and the inputs, and is read."""
    arena, offsets = built.image.sections[".arena"], built.lowered.source.plan.offset_of_tensor
    content = bytearray(background)
    for name in built.lowered.graph.inputs:
        content[offsets[name] : offsets[name] + inputs[name].size] = inputs[name].tobytes()
    return RunRequest(
        image=built.image,
        board=built.lowered.board,
        writes={arena.address: bytes(content)},
        reads={"arena": (arena.address, arena.size_bytes)},
        phases=(),
        stop_address=built.image.symbols[stop].address,
        budget_instructions=BUDGET,
    )


def background(size_bytes: int, seed: int) -> bytes:
    """Returns pseudo-random bytes to fill memory with, so that a stray byte hardly equals the one that it replaces."""
    return np.random.default_rng(seed).bytes(size_bytes)


def outputs_of(built: BuiltModel, result: RunResult) -> dict[str, npt.NDArray[np.int8]]:
    """Returns the graph's outputs from the arena."""
    arena, offsets = np.frombuffer(result.memory["arena"], np.int8), built.lowered.source.plan.offset_of_tensor
    tensors = [built.lowered.graph.tensor(name) for name in built.lowered.graph.outputs]
    return {each.name: arena[offsets[each.name] :][: each.size_bytes].reshape(each.shape) for each in tensors}


def broken_guards(plan: MemoryPlan, before: bytes, after: bytes) -> list[int]:
    """Returns the addresses outside all buffers of a spread-out plan at which a byte changed."""
    is_guard = np.ones(plan.arena_bytes, bool)
    for buffer in plan.buffers:
        is_guard[plan.offsets[buffer.name] :][: buffer.size_bytes] = False
    changed = np.frombuffer(before, np.uint8) != np.frombuffer(after, np.uint8)
    return np.flatnonzero(changed & is_guard).tolist()


def strays(built: BuiltModel, engine: Engine, inputs: Arrays, seed: int) -> Iterator[tuple[str, list[int]]]:
    """Yields each step and the addresses that it wrote to outside its output and its scratch buffer."""
    plan, graph = built.lowered.source.plan, built.lowered.graph
    layers = [layer for layer in built.lowered.source.layers if not layer.stream]
    filled = background(plan.arena_bytes, seed)
    stops = [*(layer.symbol for layer in layers), "firmware_done"]
    states = (engine.run(request(built, inputs, filled, stop)).memory["arena"] for stop in stops)
    for layer, (before, after) in zip(layers, pairwise(states), strict=True):
        changed = np.frombuffer(before, np.uint8) != np.frombuffer(after, np.uint8)
        changed[_written_by(layer.operator, graph, plan)] = False
        yield layer.operator, np.flatnonzero(changed).tolist()


def _written_by(step: str, graph: Graph, plan: MemoryPlan) -> npt.NDArray[np.intp]:
    """Returns the addresses that a step may write to."""
    stream = plan.streams.get(step)
    names = [stream.output] if stream else [each.output for each in graph.operators if each.name == step]
    tensor = graph.tensor(names[0])
    run = tensor.shape[-1] if tensor.name in plan.pitch_of_tensor else tensor.size_bytes
    starts = np.arange(tensor.size_bytes // run) * plan.pitch_of_tensor.get(tensor.name, run)
    written = plan.offset_of_tensor[tensor.name] + (starts[:, None] + np.arange(run)).ravel()
    scratch = [each for each in plan.buffers if each.name == f"{step}.scratch"]
    return np.concatenate([written, *(plan.offsets[each.name] + np.arange(each.size_bytes) for each in scratch)])
