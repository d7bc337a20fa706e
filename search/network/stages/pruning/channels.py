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

from sparse_mcu.search.space.architecture import IMAGE, Add, Architecture, Concat, Conv, Dense, Flatten, Layer, Select

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """The numbers of a network's channels.

    Attributes:
        inputs: The numbers of each layer's input channels, by the layer's name; of an `Add`, those of its first input.
        outputs: The numbers of each layer's output channels, by the layer's name, and of the image's. A flattened map
            has the number of a channel once for each of its pixels.
        fixed: Whether each number must stay: those of the image, of the logits, and of what meets in an `Add`.
    """

    inputs: Mapping[str, Numbers]
    outputs: Mapping[str, Numbers]
    fixed: Flags


def mixes(layer: Layer) -> bool:
    """Returns whether each output of a layer depends on all of its inputs: convolutions and dense layers do."""
    return isinstance(layer, Dense) or (isinstance(layer, Conv) and layer.groups == 1)


def number_channels(architecture: Architecture) -> Channels:
    """Returns the numbers of all channels of a network.

    Channels that meet in an `Add` stay: one that left would have to leave all the layers whose outputs are added.
    """
    fixed = [True] * architecture.task.shape[0]
    inputs: dict[str, Numbers] = {}
    outputs: dict[str, Numbers] = {IMAGE: np.arange(len(fixed))}
    for layer in architecture.layers:
        read = [outputs[name] for name in layer.inputs]
        inputs[layer.name] = np.concatenate(read) if isinstance(layer, Concat) else read[0]
        outputs[layer.name] = inputs[layer.name]
        if mixes(layer):
            outputs[layer.name] = len(fixed) + np.arange(layer.output_shape[0])
            fixed += [layer is architecture.layers[-1]] * layer.output_shape[0]
        elif isinstance(layer, Flatten):
            outputs[layer.name] = np.repeat(read[0], prod(layer.input_shape[1:]))
        elif isinstance(layer, Select):
            outputs[layer.name] = read[0][list(layer.indices)]
        elif isinstance(layer, Add):
            for number in np.concatenate(read):
                fixed[number] = True
    return Channels(inputs, outputs, np.array(fixed))
