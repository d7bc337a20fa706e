"""Names the strategies. Nothing heavy is imported here, so that `--help` does not wait."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT = "exact"

CLASSES: Mapping[str, tuple[str, str]] = {
    "exact": ("exact.strategy", "ExactStrategy"),
    "sparse": ("sparse.strategy", "SparseStrategy"),
    "random": ("rivals.random_draws", "RandomStrategy"),
    "evolution": ("rivals.evolution", "EvolutionStrategy"),
    "nsga2": ("rivals.optuna_samplers", "Nsga2Strategy"),
    "tpe": ("rivals.optuna_samplers", "TpeStrategy"),
    "qlognehvi": ("rivals.qlognehvi", "QLogNehviStrategy"),
}

"""The module and the class of each strategy."""

NAMES = tuple(CLASSES)
"""The names of all strategies, the default first."""


@dataclass(frozen=True, slots=True)
class StrategyChoice:
    """The strategy that a user chooses.

    Attributes:
        name: One of NAMES.
        parameters: Values of its parameters by name, as text.
        preferences: How much some objectives matter, by name: the least and the greatest weight.
    """

    name: str = DEFAULT
    parameters: Mapping[str, str] = field(default_factory=dict)
    preferences: Mapping[str, tuple[float, float]] = field(default_factory=dict)
