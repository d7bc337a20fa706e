"""Says which configurations a search space contains. A study records it."""

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from sparse_mcu.costmodel.records import Record
from sparse_mcu.search.space.configuration import Block, Configuration

Count = Annotated[int, Field(ge=1)]


class Limits(Record):
    """The choices of a search space, and the largest network in it.

    Attributes:
        max_macs: The most multiply-accumulates of an inference. Larger networks are slow to train, and slower on a
            microcontroller.
        max_weights: The most weights.
        input_poolings: The sides of the squares over which the image may be averaged, ascending.
        kernels: The heights and widths of convolutions, ascending.
        channels: The fewest and the most output channels of a block.
        units: The fewest and the most units of a hidden dense layer.
        max_blocks: The most convolutional blocks.
        max_hidden: The most hidden dense layers. The last dense layer is not one of them.
    """

    max_macs: Count = 2_000_000
    max_weights: Count = 65_536
    input_poolings: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2, 3, 4)
    kernels: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2, 3, 4, 5, 6, 7)
    channels: tuple[Count, Count] = (2, 64)
    units: tuple[Count, Count] = (4, 64)
    max_blocks: Annotated[int, Field(ge=0)] = 6
    max_hidden: Annotated[int, Field(ge=0)] = 2

    @model_validator(mode="after")
    def _ascend(self) -> Self:
        for name in ("input_poolings", "kernels", "channels", "units"):
            values = getattr(self, name)
            if list(values) != sorted(values):
                raise ValueError(f"{name} {values} do not ascend")
        return self

    def refusals(self, configuration: Configuration) -> Iterator[str]:
        """Yields a text for each choice that the space does not contain: the choice, and those that it contains.

        Args:
            configuration: Any configuration. The size of its network is not checked.
        """
        if configuration.input_pooling not in self.input_poolings:
            yield f"input pooling {configuration.input_pooling} is none of {_listed(self.input_poolings)}"
        if len(configuration.blocks) > self.max_blocks:
            yield f"{len(configuration.blocks)} blocks are more than {self.max_blocks}"
        for number, block in enumerate(configuration.blocks, 1):
            yield from self._block_refusals(number, block)
        if len(configuration.hidden) > self.max_hidden:
            yield f"{len(configuration.hidden)} hidden dense layers are more than {self.max_hidden}"
        for units in configuration.hidden:
            if not self.units[0] <= units <= self.units[1]:
                yield f"{units} units of a hidden dense layer are not {self.units[0]} to {self.units[1]}"

    def _block_refusals(self, number: int, block: Block) -> Iterator[str]:
        if block.kernel not in self.kernels:
            yield f"kernel {block.kernel} of block {number} is none of {_listed(self.kernels)}"
        if not self.channels[0] <= block.channels <= self.channels[1]:
            yield f"{block.channels} channels of block {number} are not {self.channels[0]} to {self.channels[1]}"


DEFAULT_LIMITS = Limits()


def _listed(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))
