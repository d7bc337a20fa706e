"""Turns one block of a configuration into layers."""

from sparse_mcu.search.space.architecture import Add, Concat, Conv, Layer, MaxPool, Shape
from sparse_mcu.search.space.configuration import Block, Convolution


def block_layers(block: Block, source: str, shape: Shape, name: str) -> list[Layer]:
    """Returns the layers of a block; the last one gives its output.

    Of two convolutions side by side, the order in the configuration does not count. It would only permute the weights
    of later layers.

    Args:
        block: The block.
        source: The name of the layer that the block reads.
        shape: The shape of that layer's output.
        name: How the names of the layers begin.
    """
    chains = _chains(block, source, shape, name)
    layers: list[Layer] = [layer for chain in chains for layer in chain]
    joined = [(chain[-1].name, chain[-1].output_shape) for chain in chains]
    if block.skip == "concat":
        joined.append((source, shape))
    if len(joined) > 1:
        inputs, widths = tuple(each for each, _ in joined), tuple(each[0] for _, each in joined)
        layers.append(Concat(name=f"{name}_concat", inputs=inputs, input_shape=joined[0][1], widths=widths))
    end = layers[-1]
    if block.skip == "add":
        end = Add(name=f"{name}_add", inputs=(end.name, source), input_shape=end.output_shape)
        layers.append(end)
    if block.reduction == "max":
        layers.append(MaxPool(name=f"{name}_pool", inputs=(end.name,), input_shape=end.output_shape, size=2))
    return layers


def _chains(block: Block, source: str, shape: Shape, name: str) -> list[list[Conv]]:
    """Returns the one or two chains of convolutions that read the block's input, in an order of their own."""
    if block.branch is None:
        return [_chain(block, block, source, shape, name)]

    def order(convolution: Convolution) -> tuple[object, ...]:
        chain = _chain(convolution, block, source, shape, name)
        return (len(chain), *((each.kernel, each.channels, each.stride, each.padding) for each in chain))

    first, second = sorted((block, block.branch), key=order)
    return [
        _chain(first, block, source, shape, name),
        _chain(second, block, source, shape, f"{name}_branch"),
    ]


def _chain(convolution: Convolution, block: Block, source: str, shape: Shape, name: str) -> list[Conv]:
    """Returns one or two convolutions; the border, the stride and the last ReLU are those of the block."""
    relu = block.skip != "add"
    chain: list[Conv] = []
    if convolution.squeeze is not None:
        chain.append(_pointwise(f"{name}_squeeze", source, shape, -(-shape[0] // convolution.squeeze)))
        source, shape = chain[0].name, chain[0].output_shape
    separable = convolution.operator == "separable"
    padding, stride = _window_steps(block, convolution.kernel, shape)
    main = Conv(
        name=f"{name}_depthwise" if separable else f"{name}_conv",
        inputs=(source,),
        input_shape=shape,
        channels=shape[0] if separable else convolution.channels,
        kernel=convolution.kernel,
        stride=stride,
        padding=padding,
        groups=shape[0] if separable else 1,
        relu=relu or separable,
    )
    chain.append(main)
    if separable:
        chain.append(_pointwise(f"{name}_pointwise", main.name, main.output_shape, convolution.channels, relu=relu))
    return chain


def _window_steps(block: Block, kernel: int, shape: Shape) -> tuple[tuple[int, int], int]:
    """Returns padding and stride of a convolution, without a border or a step that has no effect."""
    before, after = ((kernel - 1) // 2, kernel // 2) if block.padded else (0, 0)
    stride = 2 if block.reduction == "stride" else 1
    room = [side + before + after - kernel for side in shape[1:]]
    if before == 0 and all(each % stride >= after for each in room):
        after, room = 0, [each - after for each in room]
    return (before, after), stride if max(room) > 0 else 1


def _pointwise(name: str, source: str, shape: Shape, channels: int, *, relu: bool = True) -> Conv:
    return Conv(
        name=name,
        inputs=(source,),
        input_shape=shape,
        channels=channels,
        kernel=1,
        stride=1,
        padding=(0, 0),
        groups=1,
        relu=relu,
    )
