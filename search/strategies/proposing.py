"""Does what all strategies share: the first proposals, new random ones, and the check of limits before training."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch

from sparse_mcu.search.evaluation.objectives import Objectives
from sparse_mcu.search.evaluation.pricing import Level
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.study.trial import Proposal, Trial

_DRAWS = 1000
_NEAR_A_LIMIT = 0.85
_SIMPLE_BLOCKS, _SIMPLE_HIDDEN = 2, 1


def tried(problem: Problem, history: Iterable[Trial]) -> set[Configuration]:
    """Returns the configurations of the history in canonical form."""
    return {problem.space.canonical(trial.configuration) for trial in history}


def done(history: Iterable[Trial]) -> list[tuple[Trial, Objectives]]:
    """Returns the complete trials, each with its objectives."""
    return [(trial, trial.result.objectives) for trial in history if isinstance(trial.result, Success)]


def keeps(problem: Problem, configuration: Configuration, level: Level) -> bool:
    """Returns whether a configuration exceeds no limit for certain, as far as a level of prices knows."""
    return problem.price is None or not problem.price(configuration, level).exceeded(problem.bounds)


def is_affordable(problem: Problem, configuration: Configuration) -> bool:
    """Returns whether a configuration exceeds no limit for certain. It is built only if it comes near to one."""
    if problem.price is None:
        return True
    if not (keeps(problem, configuration, "shape") and keeps(problem, configuration, "plan")):
        return False
    if configuration.pruning is not None:  # its linked firmware is not known before training
        return True
    names = [name for name in ("ram_bytes", "flash_bytes") if name in problem.bounds.names]
    costs = problem.price(configuration, "plan").objectives.values(names)
    limits = problem.bounds.values(names)
    is_near = any(cost > _NEAR_A_LIMIT * limit for cost, limit in zip(costs, limits, strict=True))
    return not is_near or keeps(problem, configuration, "build")


def fresh(
    problem: Problem, taken: set[Configuration], rng: np.random.Generator, *, filtered: bool = True
) -> Configuration | None:
    """Returns a random configuration that is not in `taken`, and keeps the limits if `filtered`.

    Returns:
        The configuration; None if a thousand draws give none.
    """
    drawn = (problem.space.sample(rng) for _ in range(_DRAWS))
    return next((each for each in drawn if each not in taken and (not filtered or is_affordable(problem, each))), None)


def propose_with(
    problem: Problem,
    number: int,
    history: Sequence[Trial],
    choose: Callable[[set[Configuration], np.random.Generator], Proposal | None],
    *,
    filtered: bool = True,
) -> Proposal | None:
    """Returns the user's own network of that number, else what `choose` finds, else a random configuration.

    Args:
        problem: What the study searches for.
        number: The number of the trial.
        history: All earlier trials.
        choose: Proposes something, given the configurations that were tried and a source of draws. What was tried
            is replaced by a random configuration.
        filtered: Whether a random configuration must keep the limits.
    """
    rng = np.random.default_rng([problem.seed, number])
    taken = tried(problem, history)
    if number < len(problem.start) and problem.start[number] not in taken:
        return Proposal(configuration=problem.start[number])
    proposal = choose(taken, rng)
    if proposal is not None and proposal.configuration not in taken:
        return proposal
    configuration = fresh(problem, taken, rng, filtered=filtered)
    return None if configuration is None else Proposal(configuration=configuration)


def simple(space: Space) -> Space:
    """Returns the simple networks of a space: few layers in a chain, and no options.

    On small chips most good networks are shallow, and most deep ones with random choices are poor.
    """
    limits = space.limits
    few: dict[str, object] = {
        "max_blocks": min(limits.max_blocks, _SIMPLE_BLOCKS),
        "max_hidden": min(limits.max_hidden, _SIMPLE_HIDDEN),
        "skips": (),
        "branches": False,
        "prunings": (),
        "augmentations": (),
        "levers": (),
    }
    return replace(space, limits=limits.model_copy(update=few))


def sobol_choice(problem: Problem, number: int, *, filtered: bool = True) -> Configuration | None:
    """Returns the configuration of a point of a scrambled Sobol sequence; None if it exceeds a limit for certain.

    Args:
        problem: What the study searches for.
        number: The number of the trial. The sequence begins after the user's own networks.
        filtered: Whether limits count.
    """
    engine = torch.quasirandom.SobolEngine(  # type: ignore[no-untyped-call]
        problem.space.dimensions, scramble=True, seed=problem.seed
    )
    point = engine.draw(number - len(problem.start) + 1, dtype=torch.float64)[-1].numpy()
    configuration = problem.space.decode(point)
    return configuration if not filtered or is_affordable(problem, configuration) else None
