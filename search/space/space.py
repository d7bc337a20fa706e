"""Says which configurations a search may try, draws them, and turns them into layers.

The space follows SpArSe (Fedorov et al., NeurIPS 2019): blocks of plain, depthwise-separable or channel-reduced
convolutions, their kernels and widths, skip connections and branches, pooling, the resolution of the input, dense
layers and pruning. Augmentation and the memory planner's levers are added.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.space.architecture import IMAGE, Architecture, AveragePool, Dense, Flatten, Layer, Shape
from sparse_mcu.search.space.blocks import block_layers
from sparse_mcu.search.space.canonical import recover
from sparse_mcu.search.space.configuration import SQUEEZES, Block, BlockOperator, Configuration, Convolution
from sparse_mcu.search.space.decoding import decode_point, dimensions, poolings
from sparse_mcu.search.space.joining import repaired
from sparse_mcu.search.space.limits import DEFAULT_LIMITS, Limits
from sparse_mcu.search.space.task import Task

_Convolution = TypeVar("_Convolution", bound=Convolution)
_REMEMBERED = 8192


@dataclass(frozen=True, slots=True)
class Space:
    """The configurations that a search may try for a task.

    Attributes:
        task: The shape of the images and the number of classes.
        limits: What configurations choose from, and the largest network.
    """

    task: Task
    limits: Limits = DEFAULT_LIMITS

    @property
    def dimensions(self) -> int:
        """Returns how many coordinates `decode` takes."""
        return dimensions(self.limits)

    def admits(self, configuration: Configuration) -> bool:
        """Returns whether a configuration is valid for the task's images and within the limits."""
        return next(self.refusals(configuration), None) is None

    def refusals(self, configuration: Configuration) -> Iterator[str]:
        """Yields each reason why the space does not contain a configuration; none if it does."""
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
        """Returns the one configuration that stands for all that build the same network.

        Two configurations have equal canonical forms if and only if `build_architecture` gives them the same layers,
        apart from names, and they have the same options. Fused pools besides streams are no other option, since a
        stream does what they do.

        Args:
            configuration: An admitted configuration. Its canonical form is admitted too.
        """
        layers = build_architecture(configuration, self.task)
        network = recover(layers, least_channels=self.limits.channels[0], operators=self.limits.operators)
        levers = configuration.levers
        options: dict[str, object] = {
            "pruning": configuration.pruning,
            "augmentation": configuration.augmentation,
            "levers": levers.model_copy(update={"fused_pools": False}) if levers.streaming else levers,
        }
        return network.model_copy(update=options)

    def repaired(self, configuration: Configuration) -> Configuration:
        """Returns a configuration whose skips and branches go together with their shapes."""
        return repaired(configuration, self.task, self.limits)

    def _is_small(self, architecture: Architecture) -> bool:
        return architecture.macs <= self.limits.max_macs and architecture.weights <= self.limits.max_weights

    def sample(self, rng: np.random.Generator) -> Configuration:
        """Draws an admitted, canonical configuration: that of a uniformly random point of the unit cube."""
        return self.decode(rng.random(self.dimensions))

    def decode(self, point: npt.NDArray[np.float64]) -> Configuration:
        """Maps a point of the unit cube to an admitted configuration in its canonical form.

        `sparse_mcu.search.space.decoding` says what the coordinates choose. Options that the feature map is too small
        for are not offered. A network beyond the limits is then made smaller step by step, until it is within them.

        Example for images of 8x8 and the default limits: the input pooling may be 1 or 2, since 4x4 pixels must be
        left. u = 0.0 chooses 1. Of 0 to 6 blocks, u = 0.2 chooses floor(7 * 0.2) = 1. The block's coordinates
        (0.4, 0.3, 0.5, 0.9, 0.5, 0.1, 0.2, 0.3, ...) choose operator 1 ("separable"), kernel 2 (3x3), 2 * 32**0.5 = 11
        channels, padding, and reduction 1 ("max"), counted from 0. The squeeze has no effect, since it belongs to
        "downsampled". The next two are below 0.7 and 0.8, so there is no skip and no branch. The last coordinates
        (0.2, 0.6, 0.5, 0.9, 0.1, 0.4, 0.9, 0.6) choose the head "flatten", one hidden layer, 4 * 16**0.5 = 16 units, no
        pruning, an augmentation of strength 1 and fused pools. The units of a second hidden layer and the strength of
        the pruning have no effect.

        Args:
            point: The coordinates, each in [0, 1], [dimensions].

        Raises:
            DatasetError: Not even the smallest network of the space is within the limits.
        """
        configuration = decode_point(point.tolist(), self.task, self.limits)
        while not self._is_small(build_architecture(configuration, self.task)):
            configuration = self._narrowed(configuration)
        return self.canonical(configuration)

    def _narrowed(self, configuration: Configuration) -> Configuration:
        """Returns a smaller configuration, by the first of these steps that changes it.

        The steps halve all widths, average the features instead of flattening them, remove the hidden layers, remove
        the last block if there are several, reduce the image, and leave one block on the smallest image.

        Raises:
            DatasetError: No step is left.
        """
        halved = self._halve_widths(configuration)
        if halved != configuration:
            return halved
        coarser = [pooling for pooling in poolings(self.task, self.limits) if pooling > configuration.input_pooling]
        if configuration.blocks and configuration.head == "flatten":
            change: dict[str, object] = {"head": "average"}
        elif configuration.hidden:
            change = {"hidden": ()}
        elif len(configuration.blocks) > 1:
            change = {"blocks": configuration.blocks[:-1]}
        elif coarser:
            change = {"input_pooling": coarser[0], "blocks": (), "head": "flatten"}
        elif self.limits.max_blocks and not configuration.blocks:  # all pixels may be too many for many classes
            change = {"blocks": (self._averaged_block(),), "head": "average"}
        else:
            side = self.limits.input_poolings[-1]
            raise DatasetError(
                f"no network for images of {'x'.join(map(str, self.task.shape))} (channels, height, width) has at most "
                f"{self.limits.max_macs} multiply-accumulates and {self.limits.max_weights} weights",
                where="search space",
                fix=f"Scale the dataset's images down: a search averages at most {side}x{side} of their pixels to one.",
            )
        return self.repaired(Configuration.model_validate({**configuration.model_dump(), **change}))

    def _halve_widths(self, configuration: Configuration) -> Configuration:
        least_channels, least_units = self.limits.channels[0], self.limits.units[0]

        def halved(convolution: _Convolution) -> _Convolution:
            return convolution.model_copy(update={"channels": max(least_channels, convolution.channels // 2)})

        blocks = tuple(
            halved(block).model_copy(update={"branch": None if block.branch is None else halved(block.branch)})
            for block in configuration.blocks
        )
        hidden = tuple(max(least_units, units // 2) for units in configuration.hidden)
        return self.repaired(configuration.model_copy(update={"blocks": blocks, "hidden": hidden}))

    def _averaged_block(self) -> Block:
        """Returns a padded convolution of about 3x3 to about 16 channels, as close as the limits allow."""
        least, most = self.limits.channels
        kernel = min(self.limits.kernels, key=lambda kernel: abs(kernel - 3))
        channels = min(max(least, 16), most)
        operator: BlockOperator = "conv" if "conv" in self.limits.operators else self.limits.operators[0]
        squeeze = SQUEEZES[0] if operator == "downsampled" else None
        return Block(
            operator=operator, squeeze=squeeze, kernel=kernel, channels=channels, padded=True, reduction="none"
        )


@lru_cache(maxsize=_REMEMBERED)
def build_architecture(configuration: Configuration, task: Task) -> Architecture:
    """Returns the layers of a configuration; `Architecture.is_valid` says whether the images suit them.

    A proposal asks for the layers of a configuration some ten times, so the last ones are remembered.
    """
    layers: list[Layer] = []

    def end() -> tuple[tuple[str], Shape]:
        return ((layers[-1].name,), layers[-1].output_shape) if layers else ((IMAGE,), task.shape)

    def add(kind: Callable[..., Layer], name: str, **values: object) -> None:
        inputs, shape = end()
        layers.append(kind(name=name, inputs=inputs, input_shape=shape, **values))

    if configuration.input_pooling > 1:
        add(AveragePool, "input_pool", window=(configuration.input_pooling, configuration.input_pooling))
    for index, block in enumerate(configuration.blocks):
        (source,), shape = end()
        layers += block_layers(block, source, shape, f"block{index}")
    _, shape = end()
    if configuration.head == "average" and shape[1:] != (1, 1):
        add(AveragePool, "head_pool", window=(max(shape[1], 1), max(shape[2], 1)))
    add(Flatten, "flatten")
    for index, units in enumerate(configuration.hidden):
        add(Dense, f"hidden{index}", units=units, hidden=True)
    add(Dense, "logits", units=task.classes, hidden=False)
    return Architecture(task, tuple(layers))
