"""Says which channels of a network leave together.

Every channel of every tensor has a number. Two channels have the same number if one cannot leave without the other:
those before and after a pooling, or before and after a depthwise convolution. So a set of numbers that stay says of
each layer which of its inputs and outputs stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from sparse_mcu.search.space.architecture import Architecture, Conv, Dense, Flatten, Layer, Select

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """The numbers of a network's channels.

    Attributes:
        inputs: The numbers of each layer's input channels, by the layer's name.
        outputs: The numbers of each layer's output channels, by the layer's name. A flattened map has the number of a
            channel once for each of its pixels.
        fixed: Whether each number must stay, as those of the image and of the logits must.
    """

    inputs: Mapping[str, Numbers]
    outputs: Mapping[str, Numbers]
    fixed: Flags


def mixes(layer: Layer) -> bool:
    """Returns whether each output of a layer depends on all of its inputs: convolutions and dense layers do."""
    return isinstance(layer, Dense) or (isinstance(layer, Conv) and layer.groups == 1)


def number_channels(architecture: Architecture) -> Channels:
    """Returns the numbers of all channels of a network."""
    count = architecture.task.shape[0]
    current, fixed = np.arange(count), [True] * count
    inputs: dict[str, Numbers] = {}
    outputs: dict[str, Numbers] = {}
    for layer in architecture.layers:
        inputs[layer.name] = current
        if mixes(layer):
            current = len(fixed) + np.arange(layer.output_shape[0])
            fixed += [layer is architecture.layers[-1]] * len(current)
        elif isinstance(layer, Flatten):
            current = np.repeat(current, prod(layer.input_shape[1:]))
        elif isinstance(layer, Select):
            current = current[list(layer.indices)]
        outputs[layer.name] = current
    return Channels(inputs, outputs, np.array(fixed))
