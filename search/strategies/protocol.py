"""Says what a strategy is asked, and what it answers.

To add a strategy, write a frozen dataclass that has a `Problem` and its parameters, and list it in
`sparse_mcu.search.strategies.names`. tests/search/strategies/test_registry.py then checks it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol

from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import DEFAULT_OBJECTIVES
from sparse_mcu.search.evaluation.pricing import Level, Price
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.study.settings import Parameter, StrategySettings
from sparse_mcu.search.study.trial import Proposal, Trial

PriceFunction = Callable[[Configuration, Level], Price]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """What a study searches for. It is the same for every strategy.

    Attributes:
        space: The space of the configurations.
        bounds: The limits: the user's, and the sizes of the board's memories.
        seed: The seed of the study.
        objectives: The names of the objectives that are minimised, in the order of `KINDS`.
        start: The user's own networks in canonical form. They are the first trials.
        price: Says the costs of a configuration before it is trained; None if nothing does.
        preferences: How much some objectives matter, by name: the least and the greatest weight. Others have 1.
        images: The number of validation images behind an error.
    """

    space: Space
    bounds: Bounds = field(default_factory=Bounds)
    seed: int = 0
    objectives: tuple[str, ...] = DEFAULT_OBJECTIVES
    start: tuple[Configuration, ...] = ()
    price: PriceFunction | None = None
    preferences: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    images: int = 1000

    @property
    def modelled(self) -> tuple[str, ...]:
        """Returns the objectives that are minimised, then those that only have a limit."""
        return (*self.objectives, *(name for name in self.bounds.names if name not in self.objectives))


class Strategy(Protocol):
    """Decides what to try next. It is a frozen dataclass of a `Problem` and of parameters."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def problem(self) -> Problem:
        """Returns what the study searches for."""
        ...

    def propose(self, number: int, history: Sequence[Trial]) -> Proposal | None:
        """Returns what trial `number` should try. It follows from the problem, the parameters and the arguments alone.

        So a study that was interrupted goes on as if it had not been.

        Args:
            number: The number of the trial.
            history: All earlier trials in order, in any state. Some may be running in other processes.

        Returns:
            A new configuration that the space admits; None if none was found, which ends the study.
        """
        ...


def parameters_of(strategy: Strategy) -> dict[str, Parameter]:
    """Returns the parameters of a strategy by name."""
    return {each.name: getattr(strategy, each.name) for each in fields(strategy) if each.name != "problem"}


def settings_of(name: str, strategy: Strategy) -> StrategySettings:
    """Returns what a study records of a strategy: its name, its parameters and the user's preferences."""
    return StrategySettings(
        name=name, parameters=parameters_of(strategy), preferences=dict(strategy.problem.preferences)
    )
