"""A task whose errors follow from a formula, so that strategies can be compared without training.

The costs are real: they come from the memory planner and the kernels' cost models. The errors are made up, but behave
as those of small networks do. They fall with weights and multiply-accumulates. They rise if a map or a vector in
between is too small, if the network sees too little of the image, or if most weights are dense. A part is added that
looks random, and depends smoothly on the choices. Each training adds the noise of its seed, and each count of wrong
images its own.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from math import exp, log
from pathlib import Path

import numpy as np

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.report import ModelInfo, ToolInfo
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import Objective, Objectives
from sparse_mcu.search.evaluation.pricing import Level, Price, Pricer
from sparse_mcu.search.evaluation.result import Artifacts, CrossCheck, Result, RungError, Stopped, Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.space.task import Task
from sparse_mcu.search.strategies.models.encoding import DERIVED, encode
from sparse_mcu.search.strategies.models.features import NAMES, features
from sparse_mcu.search.study.trial import Proposal
from sparse_mcu.simulation.engines import EngineChoice
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import DEFAULTS

SPACE = Space(Task((1, 28, 28), 10), Limits(prunings=(), augmentations=(), levers=(), recomputes=()))
"""Without levers of the planner, since some plans of streams take seconds, and without what only training shows."""
BOARD = load_board("microbit")
IMAGES = 1000
SEED_NOISE = 0.12
"""The standard deviation of the log-odds of an error between trainings."""

_BEST = 0.012
_RUNG_OFFSET, _RUNG_NOISE = 0.9, 0.25


class KeptPrices:
    """Prices configurations by their plans, and keeps prices in a file of JSON lines.

    Args:
        path: The file. It is read if it exists, and grows.
    """

    def __init__(self, path: Path) -> None:
        self._pricer = Pricer(SPACE.task, Target(BOARD, None, EngineChoice("unicorn")), DEFAULTS)
        self._path = path
        self._kept: dict[str, Price] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                text, least, objectives = json.loads(line)
                self._kept[text] = Price(level="plan", least=least, objectives=Objectives.model_validate(objectives))

    def __call__(self, configuration: Configuration, level: Level) -> Price:
        """Returns a price. What a plan predicts counts as exact at the levels after it."""
        if level in ("build", "run"):
            price = self(configuration, "plan")
            exact = {name: objective.value for name, objective in price.objectives.root.items()}
            return Price(level=level, least=exact, objectives=price.objectives)
        if level == "shape":
            return self._pricer.price(configuration, level)
        text = describe(configuration)
        if text not in self._kept:
            price = self._pricer.price(configuration, "plan")
            self._kept[text] = price
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([text, dict(price.least), price.objectives.model_dump(mode="json")]) + "\n")
        return self._kept[text]


@cache
def log_odds(configuration: Configuration) -> float:
    """Returns ln(error / (1 - error)) of a network, without noise and above the best error there can be."""
    architecture = build_architecture(configuration, SPACE.task)
    of = dict(zip(NAMES, features(architecture), strict=True))
    bottleneck = exp(of["bottleneck"] * log(784))
    value = (
        -0.2
        - 0.50 * log(architecture.weights / 100 + 1)
        - 0.40 * log(architecture.macs / 1000 + 1)
        + 0.9 * max(0.0, log(32 / bottleneck))
        + 2.0 * max(0.0, 0.5 - of["receptive field"]) * (1 - of["dense share"])
        + 0.8 * of["dense share"]
        - 4.0 * min(of["depth"], 0.3)
        + 0.5 * of["depthwise share"]
    )
    return float(value + 0.25 * _ripple(encode(configuration, SPACE)[:-DERIVED]))


def _ripple(choices: np.ndarray) -> float:
    """Returns a smooth function of the choices with about the mean 0 and the deviation 1."""
    rng = np.random.default_rng(20191107)
    waves = 0.45 * rng.standard_normal((64, len(choices)))
    return float(np.cos(waves @ choices + rng.uniform(0, 2 * np.pi, 64)).sum() * (2 / 64) ** 0.5)


def _share(odds: float) -> float:
    return _BEST + (0.9 - _BEST) / (1 + exp(-odds))


@dataclass(frozen=True, slots=True)
class SyntheticTask:
    """Answers trials as an evaluator does, at once.

    Attributes:
        price: What networks cost.
        bounds: The limits.
    """

    price: Callable[[Configuration, Level], Price]
    bounds: Bounds = field(default_factory=lambda: Bounds({"ram_bytes": 2048, "flash_bytes": 6144}))

    def __call__(self, proposal: Proposal, seed: int) -> Result:
        """Returns the result of a trial.

        Args:
            proposal: What is tried.
            seed: The seed of its training.
        """
        rng = np.random.default_rng(seed)
        odds = log_odds(proposal.configuration) + SEED_NOISE * rng.standard_normal()
        rungs: list[RungError] = []
        for rung in proposal.rungs:
            early = _share(odds + _RUNG_OFFSET + _RUNG_NOISE * rng.standard_normal())
            rungs.append(RungError(share=rung.share, error=rng.binomial(IMAGES, early) / IMAGES))
            if rung.limit is not None and rungs[-1].error > rung.limit:
                return Stopped(stage="training", reason=rung.reason, rungs=tuple(rungs), seconds={})
        error = Objective(value=rng.binomial(IMAGES, _share(odds)) / IMAGES, fidelity="analysed")
        costs = self.price(proposal.configuration, "plan").objectives
        return Success(
            objectives=Objectives({"error": error, **costs.root}),
            fits=True,
            check=CrossCheck(images=IMAGES, differing=0, onnxruntime_error=error.value),
            model=ModelInfo(name="synthetic", sha256="0" * 64),
            toolchain=_NONE,
            engine=_NONE,
            artifacts=Artifacts(),
            seconds={},
            rungs=tuple(rungs),
        )


_NONE = ToolInfo(name="none", version="0")


def true_error(configuration: Configuration) -> float:
    """Returns the error that a network has on the average of all trainings and images, about."""
    return _share(log_odds(configuration))
