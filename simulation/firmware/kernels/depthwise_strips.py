"""Fits the depthwise convolution that makes planes of some rows at a time, for images whose whole planes are large."""

from dataclasses import replace

from sparse_mcu.costmodel.graph.operators import Conv2d
from sparse_mcu.simulation.firmware.kernels.depthwise_bytes import depthwise_bytes
from sparse_mcu.simulation.firmware.kernels.depthwise_planes import depthwise_planes
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site

_SHARE = 24  # beyond the tensors, it may need the larger tensor's size divided by this
_TALLEST = 24  # output rows of a strip


def depthwise_strips(site: Site) -> Implementation | None:
    """Takes what `depthwise_planes` or `depthwise_bytes` takes, in the tallest strips that need little extra memory.

    The rows where two strips meet are copied twice. It declines three kinds of layer: those whose whole plane needs as
    little, those where a strip might lie outside the input, and images of one column, whose strips would hold almost
    nothing.
    """
    by_planes = depthwise_planes if site.core.has_dsp else depthwise_bytes
    if not isinstance(site.operator, Conv2d) or (whole := by_planes(site)) is None:
        return None
    room = max(site.inputs[0].size_bytes, site.output.size_bytes) // _SHARE
    top, _, bottom, _ = site.operator.window.padding
    if _extra(whole) <= room or max(top, bottom) >= site.operator.window.kernel[0] or site.output.shape[2] == 1:
        return None
    strips = (by_planes(site, rows) for rows in range(min(_TALLEST, site.output.shape[1] - 1), 0, -1))
    found = next((each for each in strips if each is not None and _extra(each) <= room), None)
    return None if found is None else replace(found, kernel="depthwise_strips", in_place=False)


def _extra(implementation: Implementation) -> int:
    """Returns the bytes beyond the tensors: working memory, and what keeps a smaller output from covering the input."""
    site, contract = implementation.site, implementation.contract
    apart = 0 if site.output.size_bytes == site.inputs[0].size_bytes else max(contract.safe_distance_bytes.values())
    return contract.scratch_bytes + max(0, apart)
