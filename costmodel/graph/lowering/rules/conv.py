"""Lowers Conv: plain, grouped and depthwise, over images and signals."""

import numpy as np

from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.lowering.weights import accumulator_layer, channels_first, real_bias
from sparse_mcu.costmodel.graph.lowering.window import place_window
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.operators import Clamp, Conv2d


@rule("Conv", channels_last=True)
def lower_conv(node: Node, builder: Builder) -> Value:
    """Conv -> Conv2d, channels last. A one-dimensional Conv gets height 1."""
    value = builder.real_value(node)
    weights = channels_first(node, builder.constant(node, 1), 0)
    image = builder.image(node, value)
    kernel = weights.shape[2:]
    groups = _checked_groups(node, weights.shape, image.shape[-1], rank=len(value.shape))
    placement = place_window(node, kernel, image.shape)
    bias = real_bias(node, builder.constant(node, 2) if node.has_input(2) else None, weights.shape[0])
    quantization = builder.demand(node)
    layer = accumulator_layer(node, weights, bias, image.quantization, quantization)
    out = builder.new_tensor(node, (1, *placement.size, weights.shape[0]), quantization)
    codes = layer.weights.reshape(*weights.shape[:2], *placement.window.kernel)
    builder.add(
        Conv2d(
            name=builder.unique_name(node),
            inputs=(image.name,),
            output=out.name,
            weights=np.ascontiguousarray(codes.transpose(0, 2, 3, 1)),
            bias=layer.bias,
            window=placement.window,
            groups=groups,
            rescale=layer.rescale,
            clamp=Clamp(),
        )
    )
    return builder.from_image(node, out, value)


def _checked_groups(node: Node, weights: tuple[int, ...], channels: int, *, rank: int) -> int:
    """Checks that weights, kernel_shape and channels agree; returns the number of groups."""
    stated = node.attributes.integers("kernel_shape")
    if len(weights) != rank or min(weights) < 1 or (stated is not None and stated != weights[2:]):
        raise node.malformed(
            f"weights of shape {list(weights)} with kernel_shape {list(stated or ())} over {rank - 2} spatial axes"
        )
    groups = node.attributes.integer("group", 1)
    if groups < 1 or weights[1] * groups != channels or weights[0] % groups:
        raise node.malformed(
            f"{groups} groups, {channels} input channels and weights of shape {list(weights)} do not go together"
        )
    return groups
