"""Answers `simulate`: builds a model's firmware, runs one inference on the emulated core, and counts its cycles."""

import dataclasses
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.costmodel.graph import Graph, Model
from sparse_mcu.costmodel.memory.streaming.needs import macs_of
from sparse_mcu.costmodel.report import (
    CyclesReport,
    LayerCycles,
    RamReport,
    SimulationReport,
    ToolInfo,
    fidelity_of_figure,
    weakest,
)
from sparse_mcu.costmodel.timing import CycleCount, energy_uj, latency_ms
from sparse_mcu.costmodel.timing.memory_system import load_memory_system, price_on_board
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.analysis.analysis import BuiltModel, build_model
from sparse_mcu.simulation.analysis.lowering import lower_model
from sparse_mcu.simulation.binary.image import executable_code
from sparse_mcu.simulation.engines import with_events, write_replay
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
    """Holds what two runs over differently poisoned memory showed.

    Attributes:
        request: The request of the first run.
        run: The result of the first run. The second one has the same counts; otherwise there is no measurement.
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
    """Finds the cycles, latency, energy and measured memory of one inference.

    A model that is too large for its board runs all the same, on a board with room for it. Its report then says
    `fits: false`. Firmware that ran before on the same inputs does not run again:
    `sparse_mcu.simulation.engines.cached` knows its result. The variable SPARSE_MCU_CACHE_MIB limits what is kept; 0
    turns it off.

    Args:
        model: An int8 QDQ ONNX file, or the model itself.
        target: The board, the compiler and the engine.
        options: How the firmware is made.
        directory: Where the firmware is kept; None keeps it nowhere.
        inputs: Gives the int8 array of each graph input; None for a fixed pseudo-random input.
        budget_instructions: The run ends if it executes more instructions than this.
        with_replay: Whether to write a Renode script into the directory that repeats the run by hand.
        tools: The tools that `target` names, if they were found before. None finds them, and closes them after the run.

    Raises:
        ModelError: The model is not one that the gate admits.
        ToolchainError: There is no compiler, or it failed.
        EngineError: The engine is missing, or the firmware did not finish.
    """
    with _ready(model, target, options, directory, tools) as (built, engine, folder):
        given = (inputs or random_inputs)(built.lowered.graph)
        measured = measure(built, engine, given, budget_instructions)
        if with_replay:
            write_replay(measured.request, folder, measured.run.profile.instructions)
    return _report(built, measured, outputs_match=_matches_reference(built, measured, given))


def check_outputs(
    model: Model,
    target: Target,
    options: BuildOptions,
    inputs: Iterable[Mapping[str, Int8Array]],
    *,
    tools: Tools | None = None,
) -> list[bool]:
    """Runs a model's firmware on several inputs, and says for each whether all outputs are those of the reference.

    The firmware is made once. The parameters are those of `simulate_model`, and so are the errors.
    """
    with _ready(model, target, options, None, tools) as (built, engine, _):
        return [
            _matches_reference(built, measure(built, engine, given, DEFAULT_BUDGET_INSTRUCTIONS), given)
            for given in inputs
        ]


@contextmanager
def _ready(
    model: Model, target: Target, options: BuildOptions, directory: Path | None, tools: Tools | None
) -> Iterator[tuple[BuiltModel, Engine, Path]]:
    """Gives a `with` block the built model, the engine that runs it, and the folder of its firmware."""
    with ExitStack() as stack:
        found = tools or stack.enter_context(target.tools())
        folder = directory or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine = CachedEngine(found.engine) if target.is_cached else found.engine
        lowered = lower_model(model, target.board, options)
        yield build_model(lowered, found.toolchain, folder, is_cached=target.is_cached), engine, folder


def _matches_reference(built: BuiltModel, measured: Measurement, inputs: Mapping[str, Int8Array]) -> bool:
    graph = built.lowered.graph
    expected = run_reference(graph, inputs)
    return all(np.array_equal(measured.outputs[name], expected[name]) for name in graph.outputs)


def random_inputs(graph: Graph) -> dict[str, Int8Array]:
    """Returns a fixed pseudo-random int8 array for every graph input, the same on every machine."""
    rng = np.random.Generator(np.random.PCG64(0))
    tensors = {name: graph.tensor(name) for name in graph.inputs}
    return {name: rng.integers(-128, 128, tensor.shape, dtype=np.int8) for name, tensor in tensors.items()}


def measure(built: BuiltModel, engine: Engine, inputs: Mapping[str, Int8Array], budget: int) -> Measurement:
    """Runs one inference twice, over memory that was filled (poisoned) with two different bytes.

    A byte that differs from its poison in either run was written. So the arena's high-water mark is exact. Code that
    reads memory before writing it would betray itself, because its counts or outputs would differ between the runs.

    Example: the arena has 8 bytes, and the firmware writes 07, 00 and A5 to bytes 0 to 2. The first run, over the
    poison A5, leaves 07 00 A5 A5 A5 A5 A5 A5. It alone shows 2 written bytes. The second run, over 5A, leaves 07 00 A5
    5A 5A 5A 5A 5A. So the high-water mark is 3 bytes. If the firmware had also added byte 5 to an output, this output
    would differ by A5 - 5A between the runs, and there would be an error instead of a result.

    Raises:
        EngineError: The firmware did not finish, or the two runs differ.
    """
    requests = [_request(built, inputs, poison, budget) for poison in _POISONS]
    hierarchy = load_memory_system(built.lowered.board).hierarchy
    requests[0] = dataclasses.replace(requests[0], hierarchy=hierarchy)  # of two equal runs, one has events
    runs = [_finished(engine.run(request), built.lowered.graph.name) for request in requests]
    runs[0] = with_events(runs[0], requests[0])
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
    count = price_on_board(profile, measured.code, board)
    total = sum(count.phases[1:])
    causes = {cause: sum(phases[1:]) for cause, phases in count.causes.items()}
    layers = _layers(built, profile, count)
    cycles = CyclesReport(total=total, layers=layers, timing_model=count.model, causes=causes)
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
    graph = built.lowered.graph
    macs = {operator.name: macs_of(graph, operator) for operator in graph.operators}
    return [
        LayerCycles(
            layer=layer.label,
            kernel=layer.kernel,
            stream=layer.stream or None,
            cycles=count.phases[SETUP_PHASES + index],
            instructions=int(instructions[SETUP_PHASES + index]),
            macs=macs.get(layer.label) or None,
            causes={cause: phases[SETUP_PHASES + index] for cause, phases in count.causes.items()},
        )
        for index, layer in enumerate(built.lowered.source.layers)
    ]
