"""Problems that need no training: costs and errors follow from the layers."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import Objectives
from sparse_mcu.search.evaluation.pricing import Level, Price
from sparse_mcu.search.evaluation.result import RungError, Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.task import Task
from sparse_mcu.search.strategies.protocol import Problem, Strategy
from sparse_mcu.search.study.trial import Trial

MakeResult = Callable[[Configuration], Success]

COSTS = ("ram_bytes", "flash_bytes", "latency_ms")


class Prices:
    """Prices that are those of the results, and a note of what was asked."""

    def __init__(self, make_result: MakeResult) -> None:
        self.make_result = make_result
        self.asked: list[tuple[Configuration, Level]] = []

    def __call__(self, configuration: Configuration, level: Level) -> Price:
        """All costs at the levels "plan" and "build"; at "shape" half of the flash."""
        self.asked.append((configuration, level))
        found = self.make_result(configuration).objectives
        costs = Objectives({name: found[name] for name in COSTS})
        flash = costs["flash_bytes"].value
        least = {"flash_bytes": flash / 2 if level == "shape" else flash, "ram_bytes": costs["ram_bytes"].value}
        return Price(level=level, least=least, objectives=Objectives({}) if level == "shape" else costs)

    def at(self, level: Level) -> set[Configuration]:
        """The configurations that were asked for at a level."""
        return {configuration for configuration, each in self.asked if each == level}


def run(strategy: Strategy, make_result: MakeResult, trials: int, history: Sequence[Trial] = ()) -> list[Trial]:
    """A history after so many trials more."""
    longer = list(history)
    for number in range(len(longer), len(longer) + trials):
        proposal = strategy.propose(number, longer)
        assert proposal is not None
        rungs = tuple(RungError(share=rung.share, error=0.5) for rung in proposal.rungs)
        result = make_result(proposal.configuration).model_copy(update={"rungs": rungs})
        longer.append(Trial(number=number, result=result, **dict(proposal)))
    return longer


@pytest.fixture(scope="session")
def space() -> Space:
    """A space small enough that a few trials can say something about it."""
    limits = Limits(
        kernels=(2, 3, 4, 5),
        max_blocks=4,
        max_hidden=1,
        skips=(),
        branches=False,
        augmentations=(),
        levers=(),
        prunings=(),
    )
    return Space(Task((1, 8, 8), 10), limits)


@pytest.fixture
def prices(make_result: MakeResult) -> Prices:
    """Prices, with a note of what was asked."""
    return Prices(make_result)


@pytest.fixture
def problem(space: Space, prices: Prices) -> Problem:
    """A problem with limits that about a third of random networks keep."""
    return Problem(space=space, bounds=Bounds({"flash_bytes": 2600.0, "ram_bytes": 700.0}), seed=1, price=prices)


@pytest.fixture(name="run", scope="session")
def _run() -> Callable[..., list[Trial]]:
    return run


@pytest.fixture(name="with_problem", scope="session")
def _with_problem() -> Callable[..., Problem]:
    return replace
