"""Says which configurations a search space contains. A study records it."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sparse_mcu.costmodel.records import Record
from sparse_mcu.search.space.configuration import (
    OPERATORS,
    PRUNING_KINDS,
    Block,
    BlockOperator,
    Configuration,
    Convolution,
    LeverChoice,
    Pruning,
    PruningKind,
)

Count = Annotated[int, Field(ge=1)]
Strength = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Limits(Record):
    """The choices of a search space, and the largest network in it.

    Attributes:
        max_macs: The most multiply-accumulates of an inference. Larger networks are slow to train, and slower on a
            microcontroller.
        max_weights: The most weights.
        input_poolings: The sides of the squares over which the image may be averaged, ascending.
        operators: The operators of blocks and branches.
        kernels: The heights and widths of convolutions, ascending.
        channels: The fewest and the most output channels of a convolution of a block.
        units: The fewest and the most units of a hidden dense layer.
        max_blocks: The most convolutional blocks.
        max_hidden: The most hidden dense layers. The last dense layer is not one of them.
        skips: The skips that a block may have; none if empty.
        branches: Whether a block may have a branch.
        prunings: The kinds of pruning; none if empty.
        pruned_shares: The least and the greatest strength of magnitude pruning.
        divergence_factors: The least and the greatest strength of the other kinds.
        augmentations: The strengths of augmentation that may replace that of the recipe, ascending; none if empty.
        levers: The levers of the memory planner that a configuration may turn on; none if empty.
        recomputes: The factors by which streams may raise the multiplications, ascending; none if empty.
    """

    max_macs: Count = 2_000_000
    max_weights: Count = 65_536
    input_poolings: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2, 3, 4)
    operators: Annotated[tuple[BlockOperator, ...], Field(min_length=1)] = OPERATORS
    kernels: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2, 3, 4, 5, 6, 7)
    channels: tuple[Count, Count] = (2, 64)
    units: tuple[Count, Count] = (4, 64)
    max_blocks: Annotated[int, Field(ge=0)] = 6
    max_hidden: Annotated[int, Field(ge=0)] = 2
    skips: tuple[Literal["add", "concat"], ...] = ("add", "concat")
    branches: bool = True
    prunings: tuple[PruningKind, ...] = PRUNING_KINDS
    pruned_shares: tuple[Annotated[Strength, Field(lt=1)], Annotated[Strength, Field(lt=1)]] = (0.3, 0.95)
    divergence_factors: tuple[Strength, Strength] = (0.1, 10.0)
    augmentations: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = (0.0, 0.5, 1.0, 1.5)
    levers: tuple[Literal["pools", "streams"], ...] = ("pools", "streams")
    recomputes: tuple[Annotated[float, Field(gt=1, allow_inf_nan=False)], ...] = (1.5,)

    @model_validator(mode="after")
    def _ascend(self) -> Self:
        ascending = ("input_poolings", "kernels", "channels", "units", "augmentations", "recomputes")
        for name in (*ascending, "pruned_shares", "divergence_factors"):
            values = getattr(self, name)
            if list(values) != sorted(values):
                raise ValueError(f"{name} {values} do not ascend")
        return self

    @property
    def lever_choices(self) -> tuple[LeverChoice, ...]:
        """Returns the choices of levers that the space contains, besides none at all.

        A stream does all that a fused pool does, so nothing is chosen together with streams.
        """
        pools = [LeverChoice(fused_pools=True)] if "pools" in self.levers else []
        streams = [LeverChoice(streaming=True)] if "streams" in self.levers else []
        factors = self.recomputes if streams else ()
        return (*pools, *streams, *(LeverChoice(streaming=True, max_recompute=factor) for factor in factors))

    def strengths(self, kind: PruningKind) -> tuple[float, float]:
        """Returns the least and the greatest strength of a kind of pruning."""
        return self.pruned_shares if kind == "magnitude" else self.divergence_factors

    def refusals(self, configuration: Configuration) -> Iterator[str]:
        """Yields a text for each choice that the space does not contain: the choice, and those that it contains.

        Args:
            configuration: Any configuration. The size of its network is not checked.
        """
        if configuration.input_pooling not in self.input_poolings:
            yield _none_of(f"input pooling {configuration.input_pooling}", self.input_poolings)
        if len(configuration.blocks) > self.max_blocks:
            yield f"{len(configuration.blocks)} blocks are more than {self.max_blocks}"
        for number, block in enumerate(configuration.blocks, 1):
            yield from self._block_refusals(number, block)
        if len(configuration.hidden) > self.max_hidden:
            yield f"{len(configuration.hidden)} hidden dense layers are more than {self.max_hidden}"
        for units in configuration.hidden:
            if not self.units[0] <= units <= self.units[1]:
                yield f"{units} units of a hidden dense layer are not {self.units[0]} to {self.units[1]}"
        if configuration.pruning is not None:
            yield from self._pruning_refusals(configuration.pruning)
        if configuration.augmentation not in (None, *self.augmentations):
            yield _none_of(f"augmentation {configuration.augmentation:g}", self.augmentations)
        yield from self._lever_refusals(configuration.levers)

    def _block_refusals(self, number: int, block: Block) -> Iterator[str]:
        yield from self._convolution_refusals(f"block {number}", block)
        if block.branch is not None:
            if not self.branches:
                yield f"block {number} has a branch, and the space has none"
            yield from self._convolution_refusals(f"the branch of block {number}", block.branch)
            if are_one_convolution(block, block.branch):
                channels = block.channels + block.branch.channels
                yield f"block {number} has two like convolutions side by side: one of {channels} channels is the same"
        if block.skip not in ("none", *self.skips):
            yield _none_of(f"skip {block.skip} of block {number}", self.skips)

    def _convolution_refusals(self, where: str, convolution: Convolution) -> Iterator[str]:
        if convolution.operator not in self.operators:
            yield _none_of(f"operator {convolution.operator} of {where}", self.operators)
        if convolution.kernel not in self.kernels:
            yield _none_of(f"kernel {convolution.kernel} of {where}", self.kernels)
        if not self.channels[0] <= convolution.channels <= self.channels[1]:
            yield f"{convolution.channels} channels of {where} are not {self.channels[0]} to {self.channels[1]}"

    def _pruning_refusals(self, pruning: Pruning) -> Iterator[str]:
        if pruning.kind not in self.prunings:
            yield _none_of(f"pruning {pruning.kind}", self.prunings)
        least, most = self.strengths(pruning.kind)
        if not least <= pruning.strength <= most:
            yield f"strength {pruning.strength:g} of pruning {pruning.kind} is not {least:g} to {most:g}"

    def _lever_refusals(self, levers: LeverChoice) -> Iterator[str]:
        chosen = {"pools": levers.fused_pools, "streams": levers.streaming}
        for name, is_chosen in chosen.items():
            if is_chosen and name not in self.levers:
                yield _none_of(f"lever {name}", self.levers)
        if levers.max_recompute not in (1.0, *self.recomputes):
            yield _none_of(f"recompute factor {levers.max_recompute:g}", self.recomputes)


DEFAULT_LIMITS = Limits()


def are_one_convolution(first: Convolution, second: Convolution) -> bool:
    """Returns whether two convolutions side by side compute what a single one with all their channels does."""
    return first.operator == second.operator == "conv" and first.kernel == second.kernel


def _none_of(what: str, values: Iterable[float | str]) -> str:
    """Returns the refusal of a choice: "kernel 2 of block 1 is none of 3, 5"."""
    listed = ", ".join(value if isinstance(value, str) else f"{value:g}" for value in values)
    return f"{what} is none of {listed}" if listed else f"{what} is refused: the space contains none"
