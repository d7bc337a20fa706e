"""Recovers a configuration from the layers of a network.

Several configurations may build the same layers. For example, a 1x1 convolution that reduces the channels and the
convolution after it are also one "downsampled" block, and a 1x1 kernel has no border. All of them give the same
configuration here, since it follows from the layers alone.
"""

from collections.abc import Iterator, Sequence

from sparse_mcu.search.space.architecture import Architecture, AveragePool, Conv, Dense, Layer, MaxPool
from sparse_mcu.search.space.configuration import SQUEEZES, Block, BlockOperator, Configuration, Squeeze


def recover(architecture: Architecture, *, least_channels: int) -> Configuration:
    """Returns the configuration that has the layers of an architecture, apart from their names.

    Of several, it returns the one with the fewest blocks. It goes through the layers from the first one on, and makes
    one block of two convolutions if they allow it.

    Args:
        architecture: An architecture that `sparse_mcu.search.space.space.build_architecture` made.
        least_channels: The fewest output channels of a block. A narrower convolution is the first half of a block.
    """
    layers = list(architecture.layers)
    pooling = 1
    if isinstance(layers[0], AveragePool):
        pooling = layers.pop(0).window[0]  # type: ignore[attr-defined]  # mypy forgets which layer was asked
    maps = [layer for layer in layers if isinstance(layer, Conv | MaxPool)]
    is_averaged = any(isinstance(layer, AveragePool) for layer in layers)
    return Configuration(
        input_pooling=pooling,
        blocks=tuple(_blocks(maps, least_channels)),
        head="average" if is_averaged else "flatten",
        hidden=tuple(layer.units for layer in layers if isinstance(layer, Dense) and layer.hidden),
    )


def _blocks(layers: Sequence[Layer], least_channels: int) -> Iterator[Block]:
    at = 0
    while at < len(layers):
        first, *others = layers[at : at + 3]
        if not isinstance(first, Conv):
            raise TypeError(f"{first.name} does not begin a block")
        second = others[0] if others and isinstance(others[0], Conv) and others[0].channels >= least_channels else None
        operator, squeeze = _operator(first, second)
        end = at + (1 if operator == "conv" else 2)
        is_pooled = end < len(layers) and isinstance(layers[end], MaxPool)
        main = second if operator == "downsampled" and second is not None else first
        yield Block(
            operator=operator,
            kernel=main.kernel,
            channels=(first if second is None or operator == "conv" else second).channels,
            padded=main.padding != (0, 0) or main.kernel == 1,
            reduction="max" if is_pooled else "stride" if main.stride > 1 else "none",
            squeeze=squeeze,
        )
        at = end + is_pooled


def _operator(first: Conv, second: Conv | None) -> tuple[BlockOperator, Squeeze | None]:
    """Returns the operator of a convolution, alone or with the one after it, and its squeeze."""
    if second is None:
        return "conv", None
    inputs = first.input_shape[0]
    if first.groups == first.channels == inputs and _is_pointwise(second):
        return "separable", None
    squeezes = [squeeze for squeeze in SQUEEZES if first.channels == -(-inputs // squeeze)]
    if squeezes and _is_pointwise(first) and second.groups == 1:
        return "downsampled", squeezes[0]
    return "conv", None


def _is_pointwise(layer: Conv) -> bool:
    return layer.kernel == layer.stride == layer.groups == 1
