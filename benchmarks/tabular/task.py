"""Answers trials by the surrogate of a table, at once: costs by plans, errors as trainings of such a network show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sparse_mcu.benchmarks.tabular.rows import SHARES
from sparse_mcu.benchmarks.tabular.surrogate import Surrogate
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.report import ModelInfo, ToolInfo
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import Objective, Objectives
from sparse_mcu.search.evaluation.pricing import Level, Price
from sparse_mcu.search.evaluation.result import Artifacts, CrossCheck, Result, RungError, Stopped, Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.study.trial import Proposal

_NONE = ToolInfo(name="none", version="0")


@dataclass(frozen=True, slots=True, eq=False)
class TabularTask:
    """Answers trials as an evaluator does. No training begins with a parent's weights.

    Attributes:
        surrogate: Foretells the errors.
        price: What networks cost.
        bounds: The limits, the board's memories among them.
        board: The board.
    """

    surrogate: Surrogate
    price: Callable[[Configuration, Level], Price]
    bounds: Bounds
    board: Board

    def __call__(self, proposal: Proposal, seed: int | Sequence[int]) -> Result:
        """Returns the result of a trial.

        Args:
            proposal: What is tried.
            seed: The seed of its training: a number or several.
        """
        drawn = self.surrogate.draw(proposal.configuration, np.random.default_rng(seed))
        rungs: list[RungError] = []
        for rung in proposal.rungs:
            early = float(np.interp(rung.share, (*SHARES, 1.0), drawn))
            rungs.append(RungError(share=rung.share, error=early))
            if rung.stops(early):
                return Stopped(stage="training", reason=rung.reason, rungs=tuple(rungs), seconds={})
        error = Objective(value=float(drawn[-1]), fidelity="analysed")
        costs = self.price(proposal.configuration, "plan").objectives
        return Success(
            objectives=Objectives({"error": error, **costs.root}),
            fits=True,
            check=CrossCheck(images=self.surrogate.images, differing=0, onnxruntime_error=error.value),
            model=ModelInfo(name="tabular", sha256="0" * 64),
            toolchain=_NONE,
            engine=_NONE,
            artifacts=Artifacts(),
            seconds={},
            rungs=tuple(rungs),
        )
