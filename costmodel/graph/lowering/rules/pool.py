"""Lowers pools: maximum and average, over windows and over whole feature maps."""

from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value, identity, relabelled
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.lowering.window import Placement, place_window
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Clamp, MaxPool2d, Window
from sparse_mcu.costmodel.graph.requantization import rescale_for
from sparse_mcu.costmodel.graph.tensor import Tensor

_SPATIAL = (1, 2)
_SIGNAL_RANK = 3


@rule("MaxPool", keeps_scale=True, channels_last=True)
def lower_max_pool(node: Node, builder: Builder) -> Value:
    """MaxPool -> MaxPool2d in the scale of the input. A QuantizeLinear behind it may requantise."""
    if len([name for name in node.outputs if name]) > 1:
        raise UnsupportedOperatorError("the indices output", where=node.where, fix="Export without return_indices.")
    value = builder.value(node)
    image = builder.image(node, value)
    return _max_pool(node, builder, value, image, _window(node, value, image))


@rule("GlobalMaxPool", keeps_scale=True, channels_last=True)
def lower_global_max_pool(node: Node, builder: Builder) -> Value:
    """GlobalMaxPool -> MaxPool2d over the whole map."""
    value = builder.value(node)
    image = builder.image(node, value)
    return _max_pool(node, builder, value, image, _whole(image))


@rule("AveragePool", channels_last=True)
def lower_average_pool(node: Node, builder: Builder) -> Value:
    """AveragePool -> AveragePool2d. Padding must count as zeros, or there must be none."""
    value = builder.real_value(node)
    image = builder.image(node, value)
    placement = _window(node, value, image)
    counted = node.attributes.integer("count_include_pad", 0) and not placement.extended
    if any(placement.window.padding) and not counted:
        raise UnsupportedOperatorError(
            "an average that leaves out padding divides by another number at each border",
            where=node.where,
            fix="Use count_include_pad=1, no ceil_mode, or no padding.",
        )
    return builder.from_image(node, _average(node, builder, image, placement), value)


@rule("GlobalAveragePool", channels_last=True)
def lower_global_average_pool(node: Node, builder: Builder) -> Value:
    """GlobalAveragePool -> AveragePool2d over the whole map."""
    value = builder.real_value(node)
    image = builder.image(node, value)
    return builder.from_image(node, _average(node, builder, image, _whole(image)), value)


@rule("ReduceMean")
def lower_reduce_mean(node: Node, builder: Builder) -> Value:
    """ReduceMean over all axes but batch and one -> AveragePool2d over the whole map."""
    value = builder.real_value(node)
    rank = len(value.shape)
    listed = builder.integers(node, 1, "axes") or ()
    axes = sorted(node.axes(listed, rank))
    kept = [axis for axis in range(1, rank) if axis not in axes]
    if rank < _SIGNAL_RANK or axes != [axis for axis in range(1, rank) if axis not in kept] or len(kept) != 1:
        raise UnsupportedOperatorError(
            f"mean over axes {list(listed)} of shape {list(value.shape)}",
            where=node.where,
            fix="Only means over the spatial axes of a feature map have a rule.",
        )
    image = builder.image(node, value, (0, *axes, kept[0]))
    out = _average(node, builder, image, _whole(image))
    if node.attributes.integer("keepdims", 1):
        shape = tuple(1 if axis in axes else value.shape[axis] for axis in range(rank))
    else:
        shape = (1, value.shape[kept[0]])
    mean = Value(out, identity(len(out.shape)), value.dtype)
    permutation = relabelled(mean, shape)
    if permutation is None:
        raise node.malformed(f"no mean of shape {list(shape)}")
    return Value(builder.view(node, out, tuple(shape[axis] for axis in permutation)), permutation, value.dtype)


def _window(node: Node, value: Value, image: Tensor) -> Placement:
    kernel = node.attributes.integers("kernel_shape") or ()
    if len(kernel) != len(value.shape) - 2 or min(kernel) < 1:
        raise node.malformed(f"kernel_shape {list(kernel[:8])} for an input of shape {list(value.shape)}")
    placement = place_window(node, kernel, image.shape)
    window = placement.window
    reach = [(window.kernel[axis] - 1) * window.dilations[axis] + 1 for axis in (0, 1)]
    if any(pad >= reach[index % 2] for index, pad in enumerate(window.padding)):
        raise node.malformed(f"padding {window.padding} holds whole windows", fix="Padding must be below the kernel.")
    return placement


def _whole(image: Tensor) -> Placement:
    return Placement(Window(kernel=(image.shape[1], image.shape[2])), (1, 1), extended=False)


def _max_pool(node: Node, builder: Builder, value: Value, image: Tensor, placement: Placement) -> Value:
    out = builder.new_tensor(node, (1, *placement.size, image.shape[3]), image.quantization)
    builder.add(
        MaxPool2d(
            name=builder.unique_name(node),
            inputs=(image.name,),
            output=out.name,
            window=placement.window,
            clamp=Clamp(),
        )
    )
    return builder.from_image(node, out, value)


def _average(node: Node, builder: Builder, image: Tensor, placement: Placement) -> Tensor:
    quantization = builder.demand(node)
    count = placement.window.kernel[0] * placement.window.kernel[1]
    rescale = rescale_for(image.quantization.scale / quantization.scale / count, 255 * count, where=node.where)
    out = builder.new_tensor(node, (1, *placement.size, image.shape[3]), quantization)
    builder.add(
        AveragePool2d(
            name=builder.unique_name(node),
            inputs=(image.name,),
            output=out.name,
            window=placement.window,
            rescale=rescale,
            clamp=Clamp(),
        )
    )
    return out
