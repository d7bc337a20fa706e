"""Measures the cycles per product of every kernel, and fits the factors by which a kernel is chosen.

    python -m sparse_mcu.benchmarks.kernels          a Markdown table: cycles per product of the chosen kernels
    python -m sparse_mcu.benchmarks.kernels --fit    measures all kernels and writes the factors to costs.json

Each layer runs alone in the emulator, at zero wait states, with the toolchain that is found first.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import click
import numpy as np

import sparse_mcu.simulation.firmware.choice
from sparse_mcu.costmodel.devices import at_operating_point, load_board
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Clamp, Conv2d, Dense, MaxPool2d, Operator, Window
from sparse_mcu.costmodel.graph.requantization import rescale_for
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor
from sparse_mcu.costmodel.timing import price
from sparse_mcu.costmodel.timing.memory_system import IDEAL
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.analysis.lowering import LoweredModel
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.execution.run import measure, random_inputs
from sparse_mcu.simulation.firmware import generate_firmware
from sparse_mcu.simulation.firmware.choice.costs import family_of
from sparse_mcu.simulation.firmware.choice.selection import choices_of
from sparse_mcu.simulation.firmware.kernels import Work
from sparse_mcu.simulation.firmware.options import OPTIMISE, BuildOptions, Optimise
from sparse_mcu.simulation.toolchain import find_toolchain

BOARDS = ("microbit", "nucleo-g0b1re", "bluepill", "nucleo-l4r5zi", "nucleo-f746zg", "nucleo-u575zi-q")
_FACTORS = Path(sparse_mcu.simulation.firmware.choice.__file__).parent / "costs.json"
_BUDGET = 10**10
_SEED = 7
_FIRST_LAYER_PHASE = 2


@dataclass(frozen=True, slots=True)
class LayerShape:
    """The shape of a layer.

    Attributes:
        height: The rows of the input.
        width: The columns of the input.
        channels: The channels of the input.
        outputs: The output channels; 0 for a depthwise convolution or a pool.
        kernel: The rows and columns of the window; (0, 0) for a dense layer.
        stride: The step of the window in both directions.
        padding: The zeros (top, left, bottom, right).
        density: The share of weights that are not zero.
        pool: The kind of pool; empty for a layer with weights.
    """

    height: int
    width: int
    channels: int
    outputs: int
    kernel: tuple[int, int] = (3, 3)
    stride: int = 1
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    density: float = 1.0
    pool: Literal["", "max", "average"] = ""

    @property
    def name(self) -> str:
        """Returns a short name for tables, such as "3x3/2 16->32 @16x16"."""
        share = "" if self.density == 1 else f" {self.density:.0%}"
        if self.kernel == (0, 0):
            return f"fc {self.channels}->{self.outputs}{share}"
        kind = f"{self.kernel[0]}x{self.kernel[1]}" + (f"/{self.stride}" if self.stride > 1 else "")
        channels = f"{self.channels}->{self.outputs}" if self.outputs else f"{self.pool or 'dw'} {self.channels}"
        return f"{kind} {channels} @{self.height}x{self.width}{share}"

    @property
    def out_size(self) -> tuple[int, int]:
        """Returns the height and the width of the output."""
        top, left, bottom, right = self.padding
        height = (self.height + top + bottom - self.kernel[0]) // self.stride + 1
        return height, (self.width + left + right - self.kernel[1]) // self.stride + 1

    @property
    def products(self) -> int:
        """Returns the number of multiply-accumulates; of a pool, the number of values in all windows."""
        if self.kernel == (0, 0):
            return self.channels * self.outputs
        return int(np.prod(self.out_size) * np.prod(self.kernel)) * self.channels * (self.outputs or 1)


def _fc(features: int, outputs: int, density: float = 1.0) -> LayerShape:
    return LayerShape(1, 1, features, outputs, (0, 0), density=density)


def _pools(height: int, width: int, channels: int, kernel: tuple[int, int], stride: int) -> list[LayerShape]:
    shape = LayerShape(height, width, channels, 0, kernel, stride)
    return [replace(shape, pool="max"), replace(shape, pool="average")]


_SAME, _SIDES = (1, 1, 1, 1), (0, 1, 0, 1)
REFERENCE = (
    LayerShape(32, 32, 16, 16, padding=_SAME),
    LayerShape(25, 5, 64, 64, (1, 1)),
    LayerShape(25, 5, 64, 0, padding=_SAME),
)
"""The three layers that our goals for speed name: 3x3 16->16, 1x1 64->64 and depthwise 3x3 64."""

LAYERS = (
    *REFERENCE,
    LayerShape(16, 16, 3, 16, padding=_SAME),
    LayerShape(49, 10, 1, 32, (10, 4), 2, (4, 1, 5, 1)),
    LayerShape(24, 24, 3, 8, (3, 3), 2, (0, 0, 1, 1)),
    LayerShape(16, 16, 16, 32, (3, 3), 2, (0, 0, 1, 1)),
    LayerShape(8, 8, 32, 32, padding=_SAME),
    LayerShape(8, 8, 5, 7, (5, 5)),
    LayerShape(6, 6, 2, 4, (2, 2), 2),
    LayerShape(16, 16, 16, 32, (1, 1), 2),
    LayerShape(16, 16, 8, 16, (1, 1)),
    LayerShape(9, 9, 10, 6, (1, 1)),
    LayerShape(6, 6, 128, 64, (1, 1)),
    LayerShape(1, 1, 128, 32, (1, 1)),
    LayerShape(24, 24, 8, 0, padding=_SAME),
    LayerShape(24, 24, 16, 0, (3, 3), 2, (0, 0, 1, 1)),
    LayerShape(12, 12, 32, 0, padding=_SAME),
    LayerShape(6, 6, 64, 0, (3, 3), 2, (0, 0, 1, 1)),
    LayerShape(3, 3, 128, 0, padding=_SAME),
    LayerShape(28, 1, 64, 0, (5, 1)),
    LayerShape(24, 1, 64, 0, (10, 1)),
    LayerShape(15, 1, 32, 0, (15, 1)),
    LayerShape(10, 10, 6, 0, (5, 5), 1, (2, 2, 2, 2)),
    LayerShape(48, 48, 8, 0, padding=_SAME),
    LayerShape(48, 48, 16, 0, (3, 3), 2, (0, 0, 1, 1)),
    LayerShape(40, 20, 6, 0, (5, 5), 2, (2, 1, 2, 2)),
    LayerShape(64, 16, 12, 0),
    LayerShape(3, 5, 64, 0, padding=_SIDES),
    LayerShape(3, 24, 16, 0, padding=_SIDES),
    LayerShape(3, 12, 32, 0, padding=_SIDES),
    LayerShape(3, 48, 16, 0, (3, 3), 2, (0, 0, 0, 1)),
    LayerShape(3, 6, 64, 0, (3, 3), 2, (0, 0, 0, 1)),
    LayerShape(5, 9, 24, 0, (3, 3)),
    LayerShape(2, 10, 10, 0, (2, 5), 1, (0, 2, 0, 2)),
    LayerShape(1, 5, 64, 64, (1, 1)),
    LayerShape(1, 16, 16, 32, (1, 1)),
    LayerShape(1, 9, 32, 16, (1, 1)),
    LayerShape(3, 3, 16, 40, (1, 1)),
    LayerShape(1, 1, 48, 24, (1, 1)),
    LayerShape(3, 32, 16, 16, padding=_SIDES),
    LayerShape(3, 16, 32, 32, (3, 3), 2, (0, 0, 0, 1)),
    LayerShape(10, 10, 1, 64, (10, 4), 2, (0, 1, 0, 1)),
    _fc(640, 128),
    _fc(128, 8),
    _fc(8, 128),
    _fc(64, 12),
    _fc(64, 10),
    _fc(30, 5),
    _fc(256, 2),
    LayerShape(16, 16, 16, 16, padding=_SAME, density=0.1),
    LayerShape(16, 16, 16, 16, density=0.25),
    LayerShape(8, 8, 32, 32, padding=_SAME, density=0.05),
    LayerShape(24, 24, 1, 8, (5, 5), density=0.2),
    LayerShape(12, 12, 5, 7, (5, 5), 2, (2, 2, 2, 2), density=0.3),
    LayerShape(6, 6, 64, 32, (1, 1), density=0.1),
    LayerShape(5, 5, 8, 9, density=0.2),
    LayerShape(4, 4, 6, 5, padding=_SAME, density=0.15),
    LayerShape(2, 2, 40, 8, (1, 1), density=0.3),
    _fc(256, 64, 0.05),
    _fc(256, 64, 0.25),
    _fc(256, 64, 0.5),
    _fc(1296, 10, 0.1),
    _fc(119, 10, 0.2),
    *_pools(16, 16, 16, (2, 2), 2),
    *_pools(12, 12, 6, (2, 2), 2),
    *_pools(13, 13, 32, (3, 3), 2),
    *_pools(8, 8, 12, (3, 3), 1),
    *_pools(25, 5, 64, (25, 5), 1),
    *_pools(8, 8, 64, (8, 8), 1),
    *_pools(3, 3, 256, (3, 3), 1),
    replace(LayerShape(12, 12, 16, 0, padding=_SAME), pool="max"),
)


def graph_of(shape: LayerShape) -> Graph:
    """Returns a network of one layer, the same at every call. Its weights spread the outputs over int8."""
    if shape.pool:
        return _graph(
            _pool(shape), (1, shape.height, shape.width, shape.channels), (1, *shape.out_size, shape.channels)
        )
    rng = np.random.default_rng(_SEED)
    depthwise, dense = shape.outputs == 0, shape.kernel == (0, 0)
    channels = shape.channels if depthwise else shape.outputs
    weights_shape = (
        (channels, shape.channels) if dense else (channels, *shape.kernel, 1 if depthwise else shape.channels)
    )
    weights = np.clip(rng.normal(0, 40, weights_shape), -127, 127).astype(np.int8)
    bias = rng.integers(-3000, 3000, channels).astype(np.int32)
    if shape.density < 1:
        weights *= rng.random(weights.shape) < shape.density
    taps = weights[0].size
    rescale = rescale_for(0.01 / np.sqrt(taps) * rng.uniform(0.7, 1.2, channels), 255 * 128 * taps + 3000, where="")
    operator: Conv2d | Dense
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    if dense:
        rescale = rescale_for(0.01 / np.sqrt(taps), 255 * 128 * taps + 3000, where="")
        operator = Dense(
            name="layer", inputs=("x",), output="y", weights=weights, bias=bias, rescale=rescale, clamp=Clamp()
        )
        shapes = (1, shape.channels), (1, channels)
    else:
        window = Window(kernel=shape.kernel, strides=(shape.stride,) * 2, padding=shape.padding)
        groups = shape.channels if depthwise else 1
        operator = Conv2d(
            name="layer",
            inputs=("x",),
            output="y",
            weights=weights,
            bias=bias,
            window=window,
            groups=groups,
            rescale=rescale,
            clamp=Clamp(),
        )
        shapes = (1, shape.height, shape.width, shape.channels), (1, *shape.out_size, channels)
    return _graph(operator, *shapes)


def _pool(shape: LayerShape) -> MaxPool2d | AveragePool2d:
    window = Window(kernel=shape.kernel, strides=(shape.stride,) * 2, padding=shape.padding)
    if shape.pool == "max":
        return MaxPool2d(name="layer", inputs=("x",), output="y", window=window, clamp=Clamp())
    taps = int(np.prod(shape.kernel))
    rescale = rescale_for(1 / taps, 255 * taps, where="")
    return AveragePool2d(name="layer", inputs=("x",), output="y", window=window, rescale=rescale, clamp=Clamp())


def _graph(operator: Operator, source: tuple[int, ...], result: tuple[int, ...]) -> Graph:
    """Returns a network of one operator, whose name is "layer"."""
    shapes = {"x": source, "y": result}
    tensors = {name: Tensor(name, shape, Quantization(0.05, -128)) for name, shape in shapes.items()}
    return Graph(name="layer", sha256="0" * 64, tensors=tensors, operators=(operator,), inputs=("x",), outputs=("y",))


@dataclass(frozen=True, slots=True)
class Run:
    """The cycles that a kernel takes for a layer, and the bytes of its code and of its working memory."""

    kernel: str
    cycles: float
    code_bytes: int
    scratch_bytes: int


def run_layer(graph: Graph, board: Board, optimise: Optimise = "speed", kernel: str | None = None) -> Run:
    """Builds a network of one layer and runs it without wait states; `kernel` None lets the choice decide."""
    board = at_operating_point(board, memory=IDEAL)
    settled = {"layer": kernel} if kernel else None
    source = generate_firmware(graph, board, BuildOptions(optimise=optimise), kernels=settled)
    with tempfile.TemporaryDirectory() as folder:
        built = build_model(LoweredModel(graph, board, source), find_toolchain(), Path(folder))
        measured = measure(built, find_engine("unicorn"), random_inputs(graph), _BUDGET)
    cycles = price(measured.run.profile, measured.code, board.core).phases[_FIRST_LAYER_PHASE]
    symbol = source.layers[0].symbol
    code = sum(
        each.size_bytes for name, each in built.image.symbols.items() if name.startswith(symbol) and each.is_function
    )
    scratch = sum(buffer.size_bytes for buffer in source.plan.buffers if buffer.name.endswith(".scratch"))
    return Run(source.layers[0].kernel, cycles, code, scratch)


def all_kernels(board: Board) -> Iterator[tuple[str, Work, Run]]:
    """Runs every layer by every kernel that takes it and states its work. Yields the name of its factors first."""
    for shape in LAYERS:
        graph = graph_of(shape)
        for each in choices_of(graph, board.core, "speed")["layer"]:
            if each.work is not None:
                yield family_of(each), each.work, run_layer(graph, board, kernel=each.kernel)


def fitted(samples: Sequence[tuple[tuple[float, ...], float]]) -> list[float]:
    """Returns factors for each term with the least sum of squared relative errors.

    Terms with negative factors are removed one after another, the most negative first; their factor is 0.

    Args:
        samples: The terms and the measured value of each sample.
    """
    terms = np.array([terms for terms, _ in samples]) / np.array([[value] for _, value in samples])
    used = np.flatnonzero(terms.any(axis=0))
    while True:
        factors = np.linalg.lstsq(terms[:, used], np.ones(len(samples)), rcond=None)[0]
        if factors.min() >= 0:
            break
        used = np.delete(used, factors.argmin())
    found = np.zeros(terms.shape[1])
    found[used] = factors
    return [float(f"{factor:.4g}") for factor in found]


def fit() -> dict[str, dict[str, dict[str, list[float]]]]:
    """Returns the factors of all kernels on all cores, and prints their errors."""
    factors: dict[str, dict[str, dict[str, list[float]]]] = {}
    for name in BOARDS:
        board = load_board(name)
        runs: dict[str, list[tuple[Work, Run]]] = {}
        for family, work, run in all_kernels(board):
            runs.setdefault(family, []).append((work, run))
        core = factors.setdefault(board.core.name, {})
        for kernel, measured in sorted(runs.items()):
            cycles = fitted([(work.cycle_terms, run.cycles) for work, run in measured])
            code = fitted([(work.code_terms, float(run.code_bytes)) for work, run in measured])
            core[kernel] = {"cycles": cycles, "code_bytes": code}
            errors = [np.dot(cycles, work.cycle_terms) / run.cycles - 1 for work, run in measured]
            click.echo(f"{board.core.name} {kernel}: {len(errors)} layers, mean |error| {np.abs(errors).mean():.1%}")
    return factors


def table(optimise: Optimise) -> None:
    """Prints a Markdown table: for each layer and core the cycles per product, the chosen kernel, and its code size."""
    boards = [load_board(name) for name in BOARDS[1:]]
    click.echo(f"| layer | {' | '.join(board.core.name for board in boards)} |")
    click.echo(f"|---|{'---|' * len(boards)}")
    for shape in LAYERS:
        runs = [run_layer(graph_of(shape), board, optimise) for board in boards]
        cells = (f"{run.cycles / shape.products:.2f} `{run.kernel}` {run.code_bytes} B" for run in runs)
        click.echo(f"| {shape.name} | {' | '.join(cells)} |")


def main() -> None:
    """Prints the table, or fits the factors and writes them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="measure all kernels and write the factors")
    parser.add_argument("--optimise", choices=OPTIMISE, default="speed")
    arguments = parser.parse_args()
    if arguments.fit:
        _FACTORS.write_text(json.dumps(fit(), indent=1) + "\n", encoding="utf-8")
    else:
        table(arguments.optimise)


if __name__ == "__main__":
    main()
