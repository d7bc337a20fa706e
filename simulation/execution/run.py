"""`simulate`: build a model's firmware, run one inference on the emulated core, count its cycles."""

import dataclasses
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.costmodel.graph import Graph, Model
from sparse_mcu.costmodel.report import (
    CyclesReport,
    LayerCycles,
    RamReport,
    SimulationReport,
    ToolInfo,
    fidelity_of_figure,
    weakest,
)
from sparse_mcu.costmodel.timing import CycleCount, energy_uj, latency_ms, price
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.analysis.analysis import BuiltModel, build_model
from sparse_mcu.simulation.analysis.lowering import lower_model
from sparse_mcu.simulation.binary.image import executable_code
from sparse_mcu.simulation.engines import write_replay
from sparse_mcu.simulation.engines.cached import CachedEngine
from sparse_mcu.simulation.engines.protocol import Engine, RunRequest, RunResult, Verdict
from sparse_mcu.simulation.execution.phases import SETUP_PHASES, by_layer, phase_marks
from sparse_mcu.simulation.execution.target import Target, Tools
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions
from sparse_mcu.simulation.reference import run_reference

Int8Array = npt.NDArray[np.int8]
InputSource = Callable[[Graph], Mapping[str, Int8Array]]

DEFAULT_BUDGET_INSTRUCTIONS = 20_000_000_000
_POISONS = (0xA5, 0x5A)


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What two runs over differently poisoned memory showed.

    Attributes:
        request: What the first run was.
        run: How it went (the second has the same counts, or there is no measurement).
        outputs: Every graph output, as int8 in its shape.
        arena_bytes: High-water mark of the arena.
        code: The bytes that the profile's addresses index.
    """

    request: RunRequest
    run: RunResult
    outputs: Mapping[str, Int8Array]
    arena_bytes: int
    code: bytes


def simulate_model(
    model: Model,
    target: Target,
    options: BuildOptions = DEFAULTS,
    *,
    directory: Path | None = None,
    inputs: InputSource | None = None,
    budget_instructions: int = DEFAULT_BUDGET_INSTRUCTIONS,
    with_replay: bool = False,
    tools: Tools | None = None,
) -> SimulationReport:
    """Cycles, latency, energy and measured memory of one inference.

    A model that is too large for its board is run all the same, on a board with room for it, and
    its report says `fits: false`. Firmware that was run before on these inputs is not run again
    (`sparse_mcu.simulation.engines.cached`; the variable SPARSE_MCU_CACHE_MIB bounds what is kept, 0 turns it off).

    Args:
        model: An int8 QDQ ONNX file, or the model itself.
        target: The board, the compiler and the engine.
        options: How the firmware is made.
        directory: Where the firmware is kept; None keeps it nowhere.
        inputs: Gives the int8 array of each graph input; None for a fixed pseudo-random input.
        budget_instructions: More instructions than this end the run.
        with_replay: Write a Renode script into the directory that repeats the run by hand.
        tools: What `target` names, where it was found before; None finds it, and closes it after the run.

    Raises:
        ModelError: The model is not one that the gate admits.
        ToolchainError: No compiler, or it failed.
        EngineError: The engine is missing, or the firmware did not finish.
    """
    with ExitStack() as stack:
        found = tools or stack.enter_context(target.tools())
        folder = directory or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine = CachedEngine(found.engine) if target.is_cached else found.engine
        lowered = lower_model(model, target.board, options)
        built = build_model(lowered, found.toolchain, folder, is_cached=target.is_cached)
        given = (inputs or random_inputs)(lowered.graph)
        measured = measure(built, engine, given, budget_instructions)
        if with_replay:
            write_replay(measured.request, folder, measured.run.profile.instructions)
    expected = run_reference(lowered.graph, given)
    matches = all(np.array_equal(measured.outputs[name], expected[name]) for name in lowered.graph.outputs)
    return _report(built, measured, outputs_match=matches)


def random_inputs(graph: Graph) -> dict[str, Int8Array]:
    """A fixed pseudo-random int8 input for every graph input; the same on every machine."""
    rng = np.random.Generator(np.random.PCG64(0))
    tensors = {name: graph.tensor(name) for name in graph.inputs}
    return {name: rng.integers(-128, 128, tensor.shape, dtype=np.int8) for name, tensor in tensors.items()}


def measure(built: BuiltModel, engine: Engine, inputs: Mapping[str, Int8Array], budget: int) -> Measurement:
    """Run one inference twice, over memory poisoned in two ways.

    A byte that differs from its poison in either run was written, so the arena's high-water mark is
    exact; and code that reads memory it has not written would give itself away by other counts or outputs.

    Raises:
        EngineError: The firmware did not finish, or the two runs differ.
    """
    requests = [_request(built, inputs, poison, budget) for poison in _POISONS]
    runs = [_finished(engine.run(request), built.lowered.graph.name) for request in requests]
    arenas = [np.frombuffer(run.memory["arena"], np.uint8) for run in runs]
    outputs = [_outputs(built, run) for run in runs]
    same_outputs = all(np.array_equal(outputs[0][name], outputs[1][name]) for name in outputs[0])
    if not same_outputs or not np.array_equal(runs[0].profile.executed, runs[1].profile.executed):
        raise EngineError(
            "two runs that differ only in what memory held before gave different results: the firmware reads "
            "memory that it has not written",
            where=built.lowered.graph.name,
            fix="This is a defect of sparse-mcu: please report it with the model.",
        )
    written = np.flatnonzero(
        np.logical_or.reduce([arena != poison for arena, poison in zip(arenas, _POISONS, strict=True)])
    )
    used = int(written[-1]) + 1 if written.size else 0
    return Measurement(requests[0], runs[0], outputs[0], used, executable_code(built.image)[1])


def _request(built: BuiltModel, inputs: Mapping[str, Int8Array], poison: int, budget: int) -> RunRequest:
    source, image = built.lowered.source, built.image
    arena = image.sections[".arena"]
    writes = {arena.address: bytes([poison]) * arena.size_bytes}
    for name in built.lowered.graph.inputs:
        address = arena.address + source.plan.offset_of_tensor[name]
        writes[address] = inputs[name].tobytes()
    return RunRequest(
        image=image,
        board=_board_with_room(built),
        writes=writes,
        reads={"arena": (arena.address, arena.size_bytes)},
        phases=phase_marks(source, image),
        stop_address=image.symbols["firmware_done"].address,
        budget_instructions=budget,
    )


def _finished(result: RunResult, model: str) -> RunResult:
    if result.verdict is not Verdict.FINISHED:
        raise EngineError(
            f"the firmware did not finish: {result.verdict.value} ({result.detail})",
            where=model,
            fix="Raise the budget if the model is very large; otherwise report it with the model.",
        )
    return result


def _board_with_room(built: BuiltModel) -> Board:
    board = built.lowered.board
    if built.fits:
        return board
    flash = dataclasses.replace(board.flash, size_bytes=max(board.flash.size_bytes, built.flash.total_bytes or 0))
    ram = dataclasses.replace(board.ram, size_bytes=max(board.ram.size_bytes, built.ram.total_bytes or 0))
    return dataclasses.replace(board, flash=flash, ram=ram)


def _outputs(built: BuiltModel, run: RunResult) -> dict[str, Int8Array]:
    graph, plan = built.lowered.graph, built.lowered.source.plan
    arena = np.frombuffer(run.memory["arena"], np.int8)
    tensors = {name: graph.tensor(name) for name in graph.outputs}
    return {
        name: arena[plan.offset_of_tensor[name] :][: tensor.size_bytes].reshape(tensor.shape)
        for name, tensor in tensors.items()
    }


def _report(built: BuiltModel, measured: Measurement, *, outputs_match: bool) -> SimulationReport:
    board, run = built.lowered.board, measured.run
    profile = by_layer(run.profile, built.lowered.source, built.image)
    count = price(profile, measured.code, board.core)
    total = sum(count.phases[1:])
    cycles = CyclesReport(total=total, layers=_layers(built, profile, count), timing_model=count.model)
    power_source = board.sources["active_power_mw"]
    return SimulationReport(
        project_version=__version__,
        model=built.lowered.info,
        board=board.name,
        core=board.core.name,
        toolchain=built.toolchain,
        engine=ToolInfo(name=run.engine, version=run.engine_version),
        ram=_measured_ram(built, measured),
        flash=built.flash,
        memory=built.lowered.memory,
        fits=built.fits,
        shortfalls=built.shortfalls,
        cycles=cycles,
        instructions=int(run.profile.executed[1:].sum()),
        latency_ms=latency_ms(total, board),
        latency_fidelity=cycles.fidelity,
        energy_uj=energy_uj(total, board),
        energy_fidelity=weakest(cycles.fidelity, fidelity_of_figure(power_source)),
        power_source=power_source,
        outputs={name: values.ravel().tolist() for name, values in measured.outputs.items()},
        outputs_match_reference=outputs_match,
        simulated_mips=run.profile.instructions / run.seconds / 1e6 if run.seconds else 0.0,
    )


def _measured_ram(built: BuiltModel, measured: Measurement) -> RamReport:
    stack = measured.run.stack_used_bytes
    return built.ram.model_copy(
        update={
            "measured_bytes": built.ram.static_bytes + measured.arena_bytes + stack,
            "measured_arena_bytes": measured.arena_bytes,
            "measured_stack_bytes": stack,
            "measured_fidelity": "emulated",
        }
    )


def _layers(built: BuiltModel, profile: Profile, count: CycleCount) -> list[LayerCycles]:
    instructions = profile.executed.sum(axis=1)
    return [
        LayerCycles(
            layer=layer.label,
            kernel=layer.kernel,
            stream=layer.stream or None,
            cycles=count.phases[SETUP_PHASES + index],
            instructions=int(instructions[SETUP_PHASES + index]),
        )
        for index, layer in enumerate(built.lowered.source.layers)
    ]
