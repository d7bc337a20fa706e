"""The search space: what a configuration is, which are valid, and how one is drawn.

After SpArSe (Fedorov et al., NeurIPS 2019): blocks of plain, depthwise-separable or channel-reduced
convolutions, their kernels and widths, pooling, input resolution and dense layers.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp, log
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.space.architecture import Architecture, AveragePool, Conv, Dense, Flatten, Layer, MaxPool, Shape
from sparse_mcu.search.space.configuration import (
    CHANNELS,
    HEADS,
    INPUT_POOLINGS,
    KERNELS,
    MAX_BLOCKS,
    MAX_HIDDEN,
    OPERATORS,
    REDUCTIONS,
    SQUEEZES,
    UNITS,
    Block,
    Configuration,
)
from sparse_mcu.search.space.task import Task

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Space:
    """The configurations that are tried for a task.

    Attributes:
        task: Shape of the images and number of classes.
        max_macs: Larger networks are not tried: they are slow to train and slower on a microcontroller.
        max_weights: Likewise.
    """

    task: Task
    max_macs: int = 2_000_000
    max_weights: int = 65_536

    def admits(self, configuration: Configuration) -> bool:
        """Whether the configuration is valid for the task's images and within the limits."""
        if configuration.head == "average" and not configuration.blocks:
            return False
        architecture = build_architecture(configuration, self.task)
        return architecture.is_valid and self._is_small(architecture)

    def _is_small(self, architecture: Architecture) -> bool:
        return architecture.macs <= self.max_macs and architecture.weights <= self.max_weights

    def sample(self, rng: np.random.Generator) -> Configuration:
        """Draw a configuration; always admitted."""
        return self.decode(rng.random(DIMENSIONS))

    def decode(self, point: npt.NDArray[np.float64]) -> Configuration:
        """Map a point of the unit cube [DIMENSIONS] to an admitted configuration.

        Choices that the feature map is too small for are left out where they arise; a network
        beyond the limits is narrowed until it is within.

        Raises:
            DatasetError: Not even the narrowest network of the space is within the limits.
        """
        values = iter(point.tolist())
        configuration = self._decode(lambda: next(values))
        while not self._is_small(build_architecture(configuration, self.task)):
            configuration = self._narrowed(configuration)
        return configuration

    def _narrowed(self, configuration: Configuration) -> Configuration:
        """The next smaller configuration.

        First the widths are halved. At the least of them follow averaged features, no hidden layer, fewer blocks, a
        smaller image, and one block on the smallest image.
        """
        halved = _halve_widths(configuration)
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
        elif not configuration.blocks:  # for many classes, all pixels of the smallest image are too many
            change = {"blocks": (_AVERAGED_BLOCK,), "head": "average"}
        else:
            raise DatasetError(
                f"no network for images of {'x'.join(map(str, self.task.shape))} (channels, height, width) has at most "
                f"{self.max_macs} multiply-accumulates and {self.max_weights} weights",
                where="search space",
                fix="Scale the dataset's images down: a search averages at most 4x4 of their pixels to one.",
            )
        return Configuration.model_validate({**configuration.model_dump(), **change})

    def _poolings(self) -> list[int]:
        """Input poolings that leave at least 4x4 pixels."""
        return [pooling for pooling in INPUT_POOLINGS if min(self.task.shape[1:]) >= 4 * pooling] or [1]

    def _decode(self, draw: Callable[[], float]) -> Configuration:
        pooling = _pick(self._poolings(), draw())
        shape: Shape = (self.task.shape[0], self.task.shape[1] // pooling, self.task.shape[2] // pooling)
        depth = _pick(range(MAX_BLOCKS + 1), draw())
        blocks: list[Block] = []
        for index in range(MAX_BLOCKS):
            block = _decode_block(shape, [draw() for _ in range(_BLOCK_DIMENSIONS)])
            if index < depth:
                blocks.append(block)
                shape = _block_layers(block, shape, "")[-1].output_shape
        head = _pick(HEADS, draw()) if blocks else "flatten"
        hidden_layers, units = draw(), _log_pick(UNITS, draw())
        hidden = (units,) * _pick(range(MAX_HIDDEN + 1), hidden_layers)
        return Configuration.model_validate(
            {"input_pooling": pooling, "blocks": tuple(blocks), "head": head, "hidden": hidden}
        )


_AVERAGED_BLOCK = Block(operator="conv", kernel=3, channels=16, padded=True, reduction="none")
_BLOCK_DIMENSIONS = 6
DIMENSIONS = 2 + MAX_BLOCKS * _BLOCK_DIMENSIONS + 3


def _decode_block(shape: Shape, point: list[float]) -> Block:
    operator, kernel, channels, padded, reduction, squeeze = point
    side = min(shape[1:])
    chosen_operator = _pick(OPERATORS, operator)
    chosen_padded = _pick((False, True), padded) if side >= KERNELS[0] else True
    chosen_kernel = _pick([k for k in KERNELS if chosen_padded or k <= side], kernel)
    halved = side if chosen_padded else side - chosen_kernel + 1
    reductions = REDUCTIONS if halved >= 2 else REDUCTIONS[:1]  # noqa: PLR2004 - a feature map of 1x1 cannot be halved
    return Block.model_validate(
        {
            "operator": chosen_operator,
            "kernel": chosen_kernel,
            "channels": _log_pick(CHANNELS, channels),
            "padded": chosen_padded,
            "reduction": _pick(reductions, reduction),
            "squeeze": _pick(SQUEEZES, squeeze) if chosen_operator == "downsampled" else None,
        }
    )


def _pick(choices: Iterable[_T], unit: float) -> _T:
    options = tuple(choices)
    return options[min(int(unit * len(options)), len(options) - 1)]


def _log_pick(limits: tuple[int, int], unit: float) -> int:
    low, high = limits
    return min(high, max(low, round(low * exp(unit * log(high / low)))))


def _halve_widths(configuration: Configuration) -> Configuration:
    blocks = tuple(b.model_copy(update={"channels": max(CHANNELS[0], b.channels // 2)}) for b in configuration.blocks)
    hidden = tuple(max(UNITS[0], units // 2) for units in configuration.hidden)
    return configuration.model_copy(update={"blocks": blocks, "hidden": hidden})


def build_architecture(configuration: Configuration, task: Task) -> Architecture:
    """The layers of a configuration; `Architecture.is_valid` says whether the images are large enough for it."""
    layers: list[Layer] = []
    if configuration.input_pooling > 1:
        window = (configuration.input_pooling, configuration.input_pooling)
        layers.append(AveragePool(name="input_pool", input_shape=task.shape, window=window))
    for index, block in enumerate(configuration.blocks):
        layers += _block_layers(block, _end(layers, task), f"block{index}")
    shape = _end(layers, task)
    if configuration.head == "average":
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
    main = Conv(
        name=f"{name}_depthwise" if separable else f"{name}_conv",
        input_shape=shape,
        channels=shape[0] if separable else block.channels,
        kernel=block.kernel,
        stride=2 if block.reduction == "stride" else 1,
        padding=((block.kernel - 1) // 2, block.kernel // 2) if block.padded else (0, 0),
        groups=shape[0] if separable else 1,
    )
    layers.append(main)
    if separable:
        layers.append(_pointwise(f"{name}_pointwise", main.output_shape, block.channels))
    if block.reduction == "max":
        layers.append(MaxPool(name=f"{name}_pool", input_shape=layers[-1].output_shape, size=2))
    return layers


def _pointwise(name: str, shape: Shape, channels: int) -> Conv:
    return Conv(name=name, input_shape=shape, channels=channels, kernel=1, stride=1, padding=(0, 0), groups=1)
