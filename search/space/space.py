"""Says which configurations a search may try, draws them, and turns them into layers.

The space follows SpArSe (Fedorov et al., NeurIPS 2019): blocks of plain, depthwise-separable or channel-reduced
convolutions, their kernels and widths, pooling, the resolution of the input, and dense layers.
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
    """The configurations that a search may try for a task.

    Attributes:
        task: The shape of the images and the number of classes.
        max_macs: The most multiply-accumulates of an inference. Larger networks are slow to train, and slower on a
            microcontroller.
        max_weights: The most weights.
    """

    task: Task
    max_macs: int = 2_000_000
    max_weights: int = 65_536

    def admits(self, configuration: Configuration) -> bool:
        """Returns whether a configuration is valid for the task's images and within the limits."""
        if configuration.head == "average" and not configuration.blocks:
            return False
        architecture = build_architecture(configuration, self.task)
        return architecture.is_valid and self._is_small(architecture)

    def _is_small(self, architecture: Architecture) -> bool:
        return architecture.macs <= self.max_macs and architecture.weights <= self.max_weights

    def sample(self, rng: np.random.Generator) -> Configuration:
        """Draws an admitted configuration: that of a uniformly random point of the unit cube."""
        return self.decode(rng.random(DIMENSIONS))

    def decode(self, point: npt.NDArray[np.float64]) -> Configuration:
        """Maps a point of the unit cube to an admitted configuration.

        A coordinate u chooses among n options the one with the index floor(n u), and the last one if u = 1. A width
        between low and high is low * (high / low)**u, rounded. The coordinates are, in this order: the input pooling,
        the number of blocks, six for each of the four blocks (operator, kernel, channels, padding, reduction, squeeze),
        the head, the number of hidden layers, and their units. Coordinates of absent parts have no effect.

        Options that the feature map is too small for are not offered. A network beyond the limits is then made smaller
        step by step, until it is within them.

        Example for images of 8x8: the input pooling may be 1 or 2, since 4x4 pixels must be left. u = 0.0 chooses 1. Of
        0 to 4 blocks, u = 0.3 chooses floor(5 * 0.3) = 1. The block's coordinates (0.4, 0.3, 0.5, 0.9, 0.5, 0.1) choose
        operator 1 ("separable"), kernel 1 (3x3), 2 * 32**0.5 = 11 channels, padding, and reduction 1 ("max"), counted
        from 0. The squeeze has no effect, since it belongs to "downsampled". The last coordinates (0.2, 0.7, 0.5)
        choose the head "flatten", one hidden layer, and 4 * 16**0.5 = 16 units.

        Args:
            point: The coordinates, each in [0, 1], [DIMENSIONS].

        Raises:
            DatasetError: Not even the smallest network of the space is within the limits.
        """
        values = iter(point.tolist())
        configuration = self._decode(lambda: next(values))
        while not self._is_small(build_architecture(configuration, self.task)):
            configuration = self._narrowed(configuration)
        return configuration

    def _narrowed(self, configuration: Configuration) -> Configuration:
        """Returns a smaller configuration, by the first of these steps that changes it.

        The steps halve all widths, average the features instead of flattening them, remove the hidden layer, remove the
        last block if there are several, reduce the image, and leave one block on the smallest image.

        Raises:
            DatasetError: No step is left.
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
        """Returns the input poolings that leave at least 4x4 pixels; 1 alone if there are none."""
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
    """Returns the layers of a configuration; `Architecture.is_valid` says whether the images are large enough."""
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
