"""Says what a configuration costs before it is trained: RAM, flash and cycles follow from its layers.

There are four levels. Each knows more than the one before, and takes longer (docs/search.md has the times):

* "shape": least RAM and flash, from the shapes of the layers. No plan is made.
* "plan": the exact memory plan and the exact bytes of constants. Stack, code and cycles are predicted.
* "build": RAM and flash are those of the linked firmware. Cycles are predicted.
* "run": the firmware runs on the emulated core, as that of a trial does.

The weights are placeholders (`sparse_mcu.search.network.placeholder`). Trained weights of the same layers give the same
plan and the same constants. Their code differs a little, because a compiler sees other literals, and a core without a
long multiplication applies some multipliers in three parts instead of two. `CODE_SLACK_BYTES`, `STACK_SLACK_BYTES` and
`TIME_SLACK` hold what we measured. A pruned network costs less than its placeholders, so its price is too high.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Literal

import onnx

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.report import Fidelity
from sparse_mcu.costmodel.timing import energy_uj, latency_ms
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.costs import with_levers
from sparse_mcu.search.evaluation.figures import UJ_PER_MJ, simulated_figures
from sparse_mcu.search.evaluation.objectives import KINDS, Figures, Objective, Objectives, objectives_of
from sparse_mcu.search.network.onnx_file import build_model as onnx_model
from sparse_mcu.search.network.placeholder import placeholder_network
from sparse_mcu.search.space.architecture import Architecture
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.search.space.task import Task
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.analysis.lowering import LoweredModel, with_leaner_pads
from sparse_mcu.simulation.execution.run import simulate_model
from sparse_mcu.simulation.execution.target import Target, Tools
from sparse_mcu.simulation.firmware.generate import VECTORS_BYTES, write_firmware
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.firmware.outline import FirmwareOutline, outline_firmware
from sparse_mcu.simulation.toolchain import find_toolchain

Level = Literal["shape", "plan", "build", "run"]

# Medians over 18 random networks for images of 28x28, built by arm-none-eabi-gcc for a Cortex-M0 and a Cortex-M4: the
# stack had 112 to 232 bytes, and the code had 560 bytes less to 1,920 bytes more than the kernels' cost models say.
_USUAL_STACK_BYTES = 144
_USUAL_OTHER_CODE_BYTES = 220

# How far 30 trained networks were from their placeholders at most (digits, 1 to 4 epochs, microbit and
# stm32f413h-disco), rounded up: 8 bytes of stack, 144 bytes of code, 4.1 % of the cycles.
STACK_SLACK_BYTES = 16
CODE_SLACK_BYTES = 160
TIME_SLACK = 0.05

_BIAS_BYTES = 4

_KEPT_PLANS = 8
"""Plans that are kept with their graphs: a configuration that is planned is soon built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What is known of the costs of a configuration before it is trained.

    Attributes:
        level: How they were found.
        least: What the trained network takes at least, by the name of the objective. Objectives may be missing. It
            assumes that training leaves fewer than a third of a layer's weights at zero. What a build adds is reduced
            by the slacks of this module.
        objectives: The objectives that are known or predicted, each with its fidelity; none at the level "shape".
    """

    level: Level
    least: Mapping[str, float]
    objectives: Objectives

    def exceeded(self, bounds: Bounds) -> tuple[str, ...]:
        """Returns the objectives whose limit the trained network will exceed."""
        limits = zip(bounds.names, bounds.values(bounds.names), strict=True)
        return tuple(name for name, limit in limits if self.least.get(name, 0.0) > limit)


@dataclass(frozen=True, slots=True, eq=False)
class Pricer:
    """Prices configurations for a board, each once.

    Attributes:
        task: The shape of the images and the number of classes.
        target: The board, and the tools for the levels "build" and "run".
        options: How firmware is made. The levers of a configuration come on top.
        tools: The tools that `target` names, if they were found before.
    """

    task: Task
    target: Target
    options: BuildOptions
    tools: Tools | None = None
    _known: dict[tuple[Configuration, Level], Price] = field(default_factory=dict)
    _plans: dict[Configuration, tuple[Figures, FirmwareOutline]] = field(default_factory=dict)

    def price(self, configuration: Configuration, level: Level = "plan") -> Price:
        """Returns what a configuration costs.

        Args:
            configuration: A configuration whose layers are valid. Equal networks are priced once if they come in
                their canonical form.
            level: How exactly.

        Raises:
            ToolchainError: There is no compiler, or it failed.
            EngineError: The engine is missing, or the firmware did not finish.
        """
        key = configuration.model_copy(update={"augmentation": None}), level
        if key not in self._known:
            self._known[key] = self._price(*key)
        return self._known[key]

    def _price(self, configuration: Configuration, level: Level) -> Price:
        architecture = build_architecture(configuration, self.task)
        options = with_levers(self.options, configuration.levers)
        is_dense = configuration.pruning is None
        least = _least(architecture, options, is_dense=is_dense)
        if level == "shape":
            return Price(level=level, least=least, objectives=Objectives({}))
        model = onnx_model(placeholder_network(architecture), name="candidate")
        figures, outline = self._planned(configuration, model, options)
        if level == "build":
            figures = self._built(figures, outline, options)
        elif level == "run":
            figures = simulated_figures(figures.graph, simulate_model(model, self.target, options, tools=self.tools))
        objectives = _honest(objectives_of(figures))
        if not is_dense:
            return Price(level=level, least=least, objectives=_as_predicted(objectives))
        arena, constants = outline.plan.arena_bytes, figures.stored_bytes.value + outline.vectors_bytes
        planned = {"ram_bytes": float(arena), "flash_bytes": constants}
        return Price(level=level, least=_larger(least, planned, _certain(objectives)), objectives=objectives)

    def _planned(
        self, configuration: Configuration, model: onnx.ModelProto, options: BuildOptions
    ) -> tuple[Figures, FirmwareOutline]:
        """Plans a network once for all levels, pruned or not, as long as few others are planned in between."""
        network = configuration.model_copy(update={"pruning": None})
        if network not in self._plans:
            if len(self._plans) == _KEPT_PLANS:
                del self._plans[next(iter(self._plans))]
            self._plans[network] = plan_model(model, self.target.board, options)
        return self._plans[network]

    def _built(self, figures: Figures, outline: FirmwareOutline, options: BuildOptions) -> Figures:
        """Returns figures with the RAM and the flash of linked firmware."""
        toolchain = find_toolchain(self.target.toolchain) if self.tools is None else self.tools.toolchain
        board = self.target.board
        lowered = LoweredModel(figures.graph, board, write_firmware(figures.graph, board, outline.choices, options))
        with tempfile.TemporaryDirectory() as folder:
            built = build_model(lowered, toolchain, Path(folder), is_cached=self.target.is_cached)
        ram, flash = built.ram, built.flash
        return replace(
            figures,
            ram_bytes=Objective(value=ram.total_bytes or 0, fidelity=ram.fidelity),
            flash_bytes=Objective(value=flash.total_bytes or 0, fidelity=flash.fidelity),
        )


def _least(architecture: Architecture, options: BuildOptions, *, is_dense: bool) -> dict[str, float]:
    """Returns least costs that follow from the shapes of the layers.

    RAM must hold the image, and without streams every feature map as a whole. Flash must hold the vectors, the weights,
    and a bias for each output channel. Of a pruned network only the image and the vectors are certain.
    """
    image = prod(architecture.task.shape)
    if not is_dense:
        return {"ram_bytes": image, "flash_bytes": VECTORS_BYTES}
    layers = architecture.layers
    is_whole = not (options.levers.streaming or options.levers.fused_pools)
    largest = max(prod(layer.output_shape) for layer in layers) if is_whole else 0
    biases = _BIAS_BYTES * sum(layer.output_shape[0] for layer in layers if layer.weights)
    stored = architecture.weights + biases
    return {"ram_bytes": max(image, largest), "stored_size": stored, "flash_bytes": stored + VECTORS_BYTES}


def _larger(*bounds: Mapping[str, float]) -> dict[str, float]:
    """Returns the largest of several lower bounds, by name."""
    names = {name for each in bounds for name in each}
    return {name: max(each.get(name, 0.0) for each in bounds) for name in KINDS if name in names}


def plan_model(model: onnx.ModelProto, board: Board, options: BuildOptions) -> tuple[Figures, FirmwareOutline]:
    """Plans a model, and returns its figures, without errors, and the plan. What a compiler decides is predicted.

    Args:
        model: The int8 model.
        board: The board that it is planned for.
        options: How firmware is made.
    """
    graph, outline = with_leaner_pads(
        model, options, lambda graph: outline_firmware(graph, board.core, options), lambda outline: outline.plan
    )
    return _figures(graph, outline, board), outline


def _figures(graph: Graph, outline: FirmwareOutline, board: Board) -> Figures:
    """Returns the figures of an outline. What a compiler decides is predicted."""
    stored, cycles = outline.weights_bytes + outline.constants_bytes, round(outline.cycles)
    code = outline.code_bytes + _USUAL_OTHER_CODE_BYTES
    return Figures(
        graph=graph,
        stored_bytes=Objective(value=stored, fidelity="analysed"),
        ram_bytes=_predicted(outline.plan.arena_bytes + _USUAL_STACK_BYTES),
        flash_bytes=_predicted(round(stored + outline.vectors_bytes + code)),
        latency_ms=_predicted(latency_ms(cycles, board)),
        energy_mj=_predicted(energy_uj(cycles, board) / UJ_PER_MJ),
    )


def _predicted(value: float) -> Objective:
    return Objective(value=value, fidelity="predicted")


def _as_predicted(objectives: Objectives) -> Objectives:
    return Objectives({name: _predicted(objective.value) for name, objective in objectives.root.items()})


def _honest(objectives: Objectives) -> Objectives:
    """Returns objectives in which those that count weights are predictions, because training may make some zero."""
    weakened: dict[str, Fidelity] = {name: "predicted" for name in objectives.root if KINDS[name].known == "weights"}
    return Objectives(
        {
            name: Objective(value=objective.value, fidelity=weakened.get(name, objective.fidelity))
            for name, objective in objectives.root.items()
        }
    )


def _certain(objectives: Objectives) -> dict[str, float]:
    """Returns the least values that follow from objectives which are not predicted."""
    slacks = {"ram_bytes": STACK_SLACK_BYTES, "flash_bytes": CODE_SLACK_BYTES}
    return {
        name: objective.value * (1 - TIME_SLACK) if KINDS[name].unit != "B" else objective.value - slacks.get(name, 0)
        for name, objective in objectives.root.items()
        if objective.fidelity != "predicted"
    }
