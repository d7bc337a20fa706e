"""The search space: what a configuration is, which are valid, and how one is drawn.

After SpArSe (Fedorov et al., NeurIPS 2019): blocks of plain, depthwise-separable or channel-reduced
convolutions, their kernels and widths, pooling, input resolution and dense layers.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import exp, log
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.space.architecture import Architecture, AveragePool, Conv, Dense, Flatten, Layer, MaxPool, Shape
from sparse_mcu.search.space.canonical import recover
from sparse_mcu.search.space.configuration import HEADS, OPERATORS, REDUCTIONS, SQUEEZES, Block, Configuration
from sparse_mcu.search.space.limits import DEFAULT_LIMITS, Limits
from sparse_mcu.search.space.task import Task

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Space:
    """The configurations that are tried for a task.

    Attributes:
        task: Shape of the images and number of classes.
        limits: What configurations choose from.
    """

    task: Task
    limits: Limits = DEFAULT_LIMITS

    @property
    def dimensions(self) -> int:
        """Numbers that `decode` takes: two, those of each block, two, and one for each hidden dense layer."""
        return 2 + self.limits.max_blocks * _BLOCK_DIMENSIONS + 2 + self.limits.max_hidden

    def admits(self, configuration: Configuration) -> bool:
        """Whether the configuration is valid for the task's images and within the limits."""
        return next(self.refusals(configuration), None) is None

    def refusals(self, configuration: Configuration) -> Iterator[str]:
        """Says why the space does not hold a configuration; nothing where it does."""
        if configuration.head == "average" and not configuration.blocks:
            yield "averaged features need a block"
        yield from self.limits.refusals(configuration)
        architecture = build_architecture(configuration, self.task)
        if not architecture.is_valid:
            yield architecture.flaw
        if architecture.macs > self.limits.max_macs:
            yield f"{architecture.macs} multiply-accumulates are more than {self.limits.max_macs}"
        if architecture.weights > self.limits.max_weights:
            yield f"{architecture.weights} weights are more than {self.limits.max_weights}"

    def canonical(self, configuration: Configuration) -> Configuration:
        """The one configuration that stands for all that build the same network.

        Two configurations have equal canonical forms where `build_architecture` gives the same layers, names aside,
        and only there.

        Args:
            configuration: An admitted one; its canonical form is admitted too.
        """
        return recover(build_architecture(configuration, self.task), least_channels=self.limits.channels[0])

    def _is_small(self, architecture: Architecture) -> bool:
        return architecture.macs <= self.limits.max_macs and architecture.weights <= self.limits.max_weights

    def sample(self, rng: np.random.Generator) -> Configuration:
        """Draw a configuration; always admitted and canonical."""
        return self.decode(rng.random(self.dimensions))

    def decode(self, point: npt.NDArray[np.float64]) -> Configuration:
        """Map a point of the unit cube [dimensions] to an admitted configuration in its canonical form.

        Choices that the feature map is too small for are left out where they arise; a network
        beyond the limits is narrowed until it is within.

        Raises:
            DatasetError: Not even the narrowest network of the space is within the limits.
        """
        values = iter(point.tolist())
        configuration = self._decode(lambda: next(values))
        while not self._is_small(build_architecture(configuration, self.task)):
            configuration = self._narrowed(configuration)
        return self.canonical(configuration)

    def _narrowed(self, configuration: Configuration) -> Configuration:
        """Half the widths; at the least of them averaged features, no hidden layer, blocks fewer, a smaller image."""
        halved = self._halve_widths(configuration)
        if halved != configuration:
            return halved
        coarser = [pooling for pooling in self._poolings() if pooling > configuration.input_pooling]
        if configuration.blocks and configuration.head == "flatten":
            change: dict[str, object] = {"head": "average"}
        elif configuration.hidden:
            change = {"hidden": ()}
        elif len(configuration.blocks) > 1:
            change = {"blocks": configuration.blocks[:-1]}
        elif coarser:
            change = {"input_pooling": coarser[0], "blocks": (), "head": "flatten"}
        else:
            side = self.limits.input_poolings[-1]
            raise DatasetError(
                f"no network for images of {'x'.join(map(str, self.task.shape))} (channels, height, width) has at most "
                f"{self.limits.max_macs} multiply-accumulates and {self.limits.max_weights} weights",
                where="search space",
                fix=f"Scale the dataset's images down: a search averages at most {side}x{side} of their pixels to one.",
            )
        return Configuration.model_validate({**configuration.model_dump(), **change})

    def _halve_widths(self, configuration: Configuration) -> Configuration:
        least_channels, least_units = self.limits.channels[0], self.limits.units[0]
        blocks = tuple(
            block.model_copy(update={"channels": max(least_channels, block.channels // 2)})
            for block in configuration.blocks
        )
        hidden = tuple(max(least_units, units // 2) for units in configuration.hidden)
        return configuration.model_copy(update={"blocks": blocks, "hidden": hidden})

    def _poolings(self) -> list[int]:
        """Input poolings that leave at least 4x4 pixels; the least one where none does."""
        poolings = self.limits.input_poolings
        return [pooling for pooling in poolings if min(self.task.shape[1:]) >= 4 * pooling] or [poolings[0]]

    def _decode(self, draw: Callable[[], float]) -> Configuration:
        pooling = _pick(self._poolings(), draw())
        shape: Shape = (self.task.shape[0], self.task.shape[1] // pooling, self.task.shape[2] // pooling)
        depth = _pick(range(self.limits.max_blocks + 1), draw())
        blocks: list[Block] = []
        for index in range(self.limits.max_blocks):
            block = self._decode_block(shape, [draw() for _ in range(_BLOCK_DIMENSIONS)])
            if index < depth:
                blocks.append(block)
                shape = _block_layers(block, shape, "")[-1].output_shape
        head = _pick(HEADS, draw()) if blocks else "flatten"
        hidden_layers = _pick(range(self.limits.max_hidden + 1), draw())
        units = [_log_pick(self.limits.units, draw()) for _ in range(self.limits.max_hidden)]
        return Configuration(
            input_pooling=pooling, blocks=tuple(blocks), head=head, hidden=tuple(units[:hidden_layers])
        )

    def _decode_block(self, shape: Shape, point: list[float]) -> Block:
        operator, kernel, channels, padded, reduction, squeeze = point
        side, kernels = min(shape[1:]), self.limits.kernels
        chosen_operator = _pick(OPERATORS, operator)
        chosen_padded = _pick((False, True), padded) if side >= kernels[0] else True
        chosen_kernel = _pick([k for k in kernels if chosen_padded or k <= side], kernel)
        halved = side if chosen_padded else side - chosen_kernel + 1
        reductions = REDUCTIONS if halved >= 2 else REDUCTIONS[:1]  # noqa: PLR2004 - a map of 1x1 cannot be halved
        return Block(
            operator=chosen_operator,
            kernel=chosen_kernel,
            channels=_log_pick(self.limits.channels, channels),
            padded=chosen_padded,
            reduction=_pick(reductions, reduction),
            squeeze=_pick(SQUEEZES, squeeze) if chosen_operator == "downsampled" else None,
        )


_BLOCK_DIMENSIONS = 6


def _pick(choices: Iterable[_T], unit: float) -> _T:
    options = tuple(choices)
    return options[min(int(unit * len(options)), len(options) - 1)]


def _log_pick(limits: tuple[int, int], unit: float) -> int:
    low, high = limits
    return min(high, max(low, round(low * exp(unit * log(high / low)))))


def build_architecture(configuration: Configuration, task: Task) -> Architecture:
    """The layers of a configuration; `Architecture.is_valid` says whether the images are large enough for it."""
    layers: list[Layer] = []
    if configuration.input_pooling > 1:
        window = (configuration.input_pooling, configuration.input_pooling)
        layers.append(AveragePool(name="input_pool", input_shape=task.shape, window=window))
    for index, block in enumerate(configuration.blocks):
        layers += _block_layers(block, _end(layers, task), f"block{index}")
    shape = _end(layers, task)
    if configuration.head == "average" and shape[1:] != (1, 1):
        layers.append(AveragePool(name="head_pool", input_shape=shape, window=(max(shape[1], 1), max(shape[2], 1))))
    layers.append(Flatten(name="flatten", input_shape=_end(layers, task)))
    for index, units in enumerate(configuration.hidden):
        layers.append(Dense(name=f"hidden{index}", input_shape=_end(layers, task), units=units, hidden=True))
    layers.append(Dense(name="logits", input_shape=_end(layers, task), units=task.classes, hidden=False))
    return Architecture(task, tuple(layers))


def _end(layers: list[Layer], task: Task) -> Shape:
    return layers[-1].output_shape if layers else task.shape


def _block_layers(block: Block, shape: Shape, name: str) -> list[Layer]:
    layers: list[Layer] = []
    if block.squeeze is not None:
        layers.append(_pointwise(f"{name}_squeeze", shape, -(-shape[0] // block.squeeze)))
        shape = layers[-1].output_shape
    separable = block.operator == "separable"
    padding, stride = _window_steps(block, shape)
    main = Conv(
        name=f"{name}_depthwise" if separable else f"{name}_conv",
        input_shape=shape,
        channels=shape[0] if separable else block.channels,
        kernel=block.kernel,
        stride=stride,
        padding=padding,
        groups=shape[0] if separable else 1,
    )
    layers.append(main)
    if separable:
        layers.append(_pointwise(f"{name}_pointwise", main.output_shape, block.channels))
    if block.reduction == "max":
        layers.append(MaxPool(name=f"{name}_pool", input_shape=layers[-1].output_shape, size=2))
    return layers


def _window_steps(block: Block, shape: Shape) -> tuple[tuple[int, int], int]:
    """Padding and stride of a block's convolution, without a border that no window reads or a step never taken."""
    before, after = ((block.kernel - 1) // 2, block.kernel // 2) if block.padded else (0, 0)
    stride = 2 if block.reduction == "stride" else 1
    room = [side + before + after - block.kernel for side in shape[1:]]
    if before == 0 and all(each % stride >= after for each in room):
        after, room = 0, [each - after for each in room]
    return (before, after), stride if max(room) > 0 else 1


def _pointwise(name: str, shape: Shape, channels: int) -> Conv:
    return Conv(name=name, input_shape=shape, channels=channels, kernel=1, stride=1, padding=(0, 0), groups=1)
