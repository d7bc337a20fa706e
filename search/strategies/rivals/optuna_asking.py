"""Answers the questions about a configuration for Optuna: as a trial suggests, or as a configuration has it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.strategies.rivals.optuna_space import Answer, AnswerT, answers_of, ask_configuration


@contextmanager
def silent() -> Iterator[None]:
    """Keeps Optuna from writing to the user's console in a `with` block."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def parameters_of(configuration: Configuration, limits: Limits) -> dict[str, Any]:
    """Returns a configuration as Optuna has it: its `params`, and their `distributions`, each by name.

    Args:
        configuration: The configuration.
        limits: What configurations choose from.

    Raises:
        KeyError: The limits ask for a choice that the configuration does not have.
    """
    answers = answers_of(configuration)
    replay = Replayed(answers)
    ask_configuration(replay, limits)
    return {"params": {name: answers[name] for name in replay.asked}, "distributions": replay.asked}


class Suggested:
    """Answers as a trial of Optuna suggests, which is what its study's sampler decides.

    Args:
        trial: The trial. It gets the answers as its parameters.
    """

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial

    def choice(self, name: str, options: Sequence[AnswerT]) -> AnswerT:
        """Returns one of the options."""
        return cast("AnswerT", self._trial.suggest_categorical(name, list(options)))

    def width(self, name: str, limits: tuple[int, int]) -> int:
        """Returns a whole number."""
        return self._trial.suggest_int(name, *limits, log=True)

    def strength(self, name: str, limits: tuple[float, float]) -> float:
        """Returns a number."""
        return self._trial.suggest_float(name, *limits, log=True)


class Replayed:
    """Gives known answers, and records each question as Optuna describes it.

    Attributes:
        asked: The distribution of each question that was asked, by its name.

    Args:
        answers: The answers by the names of the questions.
    """

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.asked: dict[str, BaseDistribution] = {}
        self._answers = answers

    def choice(self, name: str, options: Sequence[AnswerT]) -> AnswerT:
        """Returns the known answer."""
        self.asked[name] = CategoricalDistribution(list(options))
        return cast("AnswerT", self._answers[name])

    def width(self, name: str, limits: tuple[int, int]) -> int:
        """Returns the known answer."""
        self.asked[name] = IntDistribution(*limits, log=True)
        return int(self._answers[name])

    def strength(self, name: str, limits: tuple[float, float]) -> float:
        """Returns the known answer."""
        self.asked[name] = FloatDistribution(*limits, log=True)
        return float(self._answers[name])
