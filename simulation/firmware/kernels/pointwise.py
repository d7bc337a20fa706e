"""1x1 convolution with stride 1 and no padding: a matrix product, one row per pixel."""

from costmodel.graph.operators import Conv2d, Window
from simulation.firmware.kernels.accumulation import accumulation_constants, bias_of, blocking_of
from simulation.firmware.kernels.kernel import Implementation, Site


def pointwise(site: Site) -> Implementation | None:
    """A convolution that looks at one pixel only, and at each."""
    operator = site.operator
    if not isinstance(operator, Conv2d) or operator.groups != 1:
        return None
    window = operator.window
    if (window.kernel, window.strides, window.padding) != ((1, 1), Window(kernel=(1, 1)).strides, (0, 0, 0, 0)):
        return None
    zero_point = site.inputs[0].quantization.zero_point
    bias = bias_of(operator.bias, operator.weights, zero_point, every_tap_counts=True)
    return Implementation(
        "pointwise",
        site,
        accumulation_constants(operator.weights, bias.values, operator.rescale),
        {"bias": bias, "blocking": blocking_of(operator.bias.size, site.core)},
    )
