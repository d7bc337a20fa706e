"""Asks for a configuration choice by choice, as Optuna's samplers want to be asked.

Choices depend on those before them: a block that does not exist has no kernel. So the space is conditional.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar, cast

from sparse_mcu.search.space.configuration import (
    HEADS,
    NO_LEVERS,
    REDUCTIONS,
    SQUEEZES,
    Block,
    Branch,
    Configuration,
    Convolution,
    LeverChoice,
    Pruning,
)
from sparse_mcu.search.space.limits import Limits

Answer = bool | int | float | str
"""What a question can be answered with."""

AnswerT = TypeVar("AnswerT", bound=Answer)

_NONE = "none"
_RECIPE = "recipe"


class Ask(Protocol):
    """Answers questions about a configuration. Each has a name of its own."""

    def choice(self, name: str, options: Sequence[AnswerT]) -> AnswerT:
        """Returns one of the options."""
        ...

    def width(self, name: str, limits: tuple[int, int]) -> int:
        """Returns a number between two limits, where a doubling counts the same everywhere."""
        ...

    def strength(self, name: str, limits: tuple[float, float]) -> float:
        """Returns a number between two limits, where a doubling counts the same everywhere."""
        ...


def ask_configuration(ask: Ask, limits: Limits) -> Configuration:
    """Returns the configuration that the answers describe. Its shapes need not go together.

    Args:
        ask: What answers.
        limits: What configurations choose from.
    """
    pooling = ask.choice("pooling", limits.input_poolings)
    depth = ask.choice("blocks", range(limits.max_blocks + 1))
    blocks = tuple(_block(ask, f"block{index}.", limits) for index in range(depth))
    hidden = ask.choice("hidden", range(limits.max_hidden + 1))
    return Configuration(
        input_pooling=pooling,
        blocks=blocks,
        head=ask.choice("head", HEADS) if blocks else "flatten",
        hidden=tuple(ask.width(f"hidden{index}", limits.units) for index in range(hidden)),
        pruning=_pruning(ask, limits),
        augmentation=_augmentation(ask, limits),
        levers=_levers(ask, limits),
    )


def answers_of(configuration: Configuration) -> dict[str, Answer]:
    """Returns the answers that describe a configuration, by the names of the questions."""
    pruning, augmentation = configuration.pruning, configuration.augmentation
    answers: dict[str, Answer] = {
        "pooling": configuration.input_pooling,
        "blocks": len(configuration.blocks),
        "head": configuration.head,
        "hidden": len(configuration.hidden),
        **{f"hidden{index}": units for index, units in enumerate(configuration.hidden)},
        "pruning": _NONE if pruning is None else pruning.kind,
        "strength": 0.0 if pruning is None else pruning.strength,
        "augmentation": _RECIPE if augmentation is None else f"{augmentation:g}",
        "levers": _label(configuration.levers),
    }
    for index, block in enumerate(configuration.blocks):
        answers.update(_block_answers(block, f"block{index}."))
    return answers


def _block(ask: Ask, name: str, limits: Limits) -> Block:
    convolution = _convolution(ask, name, limits)
    return Block(
        **dict(convolution),
        padded=ask.choice(f"{name}padded", (False, True)),
        reduction=ask.choice(f"{name}reduction", REDUCTIONS),
        branch=_branch(ask, name, limits),
        skip=ask.choice(f"{name}skip", ("none", *limits.skips)) if limits.skips else "none",
    )


def _convolution(ask: Ask, name: str, limits: Limits) -> Convolution:
    operator = ask.choice(f"{name}operator", limits.operators)
    return Convolution(
        operator=operator,
        kernel=ask.choice(f"{name}kernel", limits.kernels),
        channels=ask.width(f"{name}channels", limits.channels),
        squeeze=ask.choice(f"{name}squeeze", SQUEEZES) if operator == "downsampled" else None,
    )


def _branch(ask: Ask, name: str, limits: Limits) -> Branch | None:
    if not limits.branches or not ask.choice(f"{name}branch", (False, True)):
        return None
    return Branch(**dict(_convolution(ask, f"{name}branch.", limits)))


def _pruning(ask: Ask, limits: Limits) -> Pruning | None:
    kind = ask.choice("pruning", (_NONE, *limits.prunings)) if limits.prunings else _NONE
    if kind == _NONE:
        return None
    return Pruning(kind=cast("Any", kind), strength=ask.strength("strength", limits.strengths(cast("Any", kind))))


def _augmentation(ask: Ask, limits: Limits) -> float | None:
    labels = [_RECIPE, *(f"{strength:g}" for strength in limits.augmentations)]
    label = ask.choice("augmentation", labels) if len(labels) > 1 else _RECIPE
    return None if label == _RECIPE else float(label)


def _levers(ask: Ask, limits: Limits) -> LeverChoice:
    choices = {_label(each): each for each in (NO_LEVERS, *limits.lever_choices)}
    return choices[ask.choice("levers", tuple(choices))] if len(choices) > 1 else NO_LEVERS


def _label(levers: LeverChoice) -> str:
    return f"pools={levers.fused_pools} streams={levers.streaming} recompute={levers.max_recompute:g}"


def _block_answers(block: Block, name: str) -> Iterator[tuple[str, Answer]]:
    yield from _convolution_answers(block, name)
    yield f"{name}padded", block.padded
    yield f"{name}reduction", block.reduction
    yield f"{name}skip", block.skip
    yield f"{name}branch", block.branch is not None
    if block.branch is not None:
        yield from _convolution_answers(block.branch, f"{name}branch.")


def _convolution_answers(convolution: Convolution, name: str) -> Iterator[tuple[str, Answer]]:
    yield f"{name}operator", convolution.operator
    yield f"{name}kernel", convolution.kernel
    yield f"{name}channels", convolution.channels
    if convolution.squeeze is not None:
        yield f"{name}squeeze", convolution.squeeze
