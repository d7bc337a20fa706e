"""Which of several kernels computes an operator: what each is predicted to cost, and what the user wants least of.

A kernel's cycles on a core are a sum of five terms, work times a factor: products (of a sparse kernel, its entries),
outputs, gathered values, steps of the outer loops (of `depthwise_rows`, weights that are loaded), and a constant; its
code is a constant and a factor for its unrolled body or its copying. `costs.json` holds the factors, fitted by
`python -m sparse_mcu.benchmarks.kernels --fit` to layers run in the emulator. Constants are exact.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import prod

from sparse_mcu.costmodel.graph.operators import AveragePool2d, Conv2d, Dense, MaxPool2d
from sparse_mcu.simulation.firmware.kernels.depthwise_rows import Row
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation
from sparse_mcu.simulation.firmware.kernels.sparse import Sparse
from sparse_mcu.simulation.firmware.options import Optimise

_FILE = "costs.json"
_BY_TWO_PIXELS = {"conv2d_biplex", "conv2d_swar"}  # the last one of an odd number is computed twice


@dataclass(frozen=True, slots=True)
class Cost:
    """What a kernel is predicted to cost at one place.

    Attributes:
        cycles: At zero wait states.
        flash_bytes: Constants and code.
    """

    cycles: float
    flash_bytes: float

    def rank(self, optimise: Optimise) -> float:
        """Least is best: cycles for "speed", bytes for "flash", and for "balanced" bytes times cycles squared.

        So half the cycles are worth up to four times the flash of a layer, whatever its size.
        """
        by_goal = {"speed": self.cycles, "flash": self.flash_bytes, "balanced": self.cycles**2 * self.flash_bytes}
        return by_goal[optimise]


def work_of(implementation: Implementation) -> tuple[float, ...]:
    """Products or taps, outputs, gathered values, steps of outer loops, and 1: what a kernel's cycles grow with."""
    site = implementation.site
    operator, inputs, outputs = site.operator, site.inputs[0].size_bytes, site.output.size_bytes
    if isinstance(operator, MaxPool2d | AveragePool2d):
        pixels, taps = outputs // site.output.shape[-1], prod(operator.window.kernel)
        return float(outputs * taps), float(outputs), 0.0, float(pixels * operator.window.kernel[0]), 1.0
    if not isinstance(operator, Conv2d | Dense):
        raise TypeError(f"{implementation.kernel} has no work to predict")
    taps, channels = prod(operator.weights.shape[1:]), operator.bias.size
    pixels = outputs // channels
    rows = operator.weights.shape[1] if isinstance(operator, Conv2d) else 1
    sparse = implementation.details.get("sparse")
    if isinstance(sparse, Sparse):
        copied = pixels * implementation.scratch_bytes
        return float(pixels * sparse.entries), float(outputs), float(copied), float(pixels * rows), 1.0
    row = implementation.details.get("row")
    if isinstance(row, Row):
        times = site.output.shape[1] * channels
        read, weights = times * row.values_read, times * row.weights_read
        return float(outputs * taps), float(outputs), float(read), float(weights), 1.0
    if implementation.kernel == "pointwise_biplex":  # the last pixel is computed alone
        paired = (pixels - 1) * taps
        return float(paired * channels), float(outputs), float(paired), float(channels * taps), 1.0
    products = (pixels + (pixels % 2 if implementation.kernel in _BY_TWO_PIXELS else 0)) * channels * taps
    by_channel = isinstance(operator, Conv2d) and operator.groups > 1
    gathered, steps = (inputs, outputs * rows) if by_channel else (pixels * taps, pixels * rows)
    if implementation.kernel == "conv2d":  # gathers nothing; what is left of a row after its fours is slow instead
        gathered, steps = outputs * rows * (taps // rows % 4), outputs * rows
    return float(products), float(outputs), float(gathered), float(steps), 1.0


def code_of(implementation: Implementation) -> tuple[float, float]:
    """1, and how often the inner block is repeated, or whether a sparse kernel copies its windows."""
    if "sparse" in implementation.details:
        return 1.0, float(implementation.scratch_bytes > 0)
    times = implementation.details.get("times", 0)
    return 1.0, float(times) if isinstance(times, int) else 0.0


def family_of(implementation: Implementation) -> str:
    """What has factors of its own: a kernel, and apart from it what a dense one makes of grouped convolutions."""
    operator = implementation.site.operator
    grouped = isinstance(operator, Conv2d) and operator.groups > 1 and "sparse" not in implementation.details
    return f"{implementation.kernel} grouped" if grouped else implementation.kernel


def predicted(implementation: Implementation) -> Cost | None:
    """What it costs; None for a kernel that has no factors, because nothing competes with it."""
    factors = _factors().get(implementation.site.core.name, {}).get(family_of(implementation))
    if factors is None:
        return None
    cycles = sum(map(prod, zip(factors["cycles"], work_of(implementation), strict=True)))
    code = sum(map(prod, zip(factors["code_bytes"], code_of(implementation), strict=True)))
    return Cost(cycles, code + sum(constant.size_bytes for constant in implementation.constants))


def preferred(candidates: Iterable[Implementation], optimise: Optimise) -> list[Implementation]:
    """The candidates, best first; those without a prediction keep their order, before the others."""

    def rank(implementation: Implementation) -> float:
        cost = predicted(implementation)
        return 0.0 if cost is None else cost.rank(optimise)

    return sorted(candidates, key=rank)


@cache
def _factors() -> Mapping[str, Mapping[str, Mapping[str, list[float]]]]:
    """Core -> kernel -> "cycles" and "code_bytes" -> factors."""
    loaded: Mapping[str, Mapping[str, Mapping[str, list[float]]]] = json.loads(
        files("sparse_mcu.simulation.firmware.choice").joinpath(_FILE).read_text(encoding="utf-8")
    )
    return loaded
