"""Depthwise convolution by planes of a channel each, some rows at a time: for images whose planes are large."""

from dataclasses import replace

from sparse_mcu.costmodel.graph.operators import Conv2d
from sparse_mcu.simulation.firmware.kernels.depthwise_bytes import depthwise_bytes
from sparse_mcu.simulation.firmware.kernels.depthwise_planes import depthwise_planes
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site

_SHARE = 24  # of the larger tensor: memory beyond the tensors
_TALLEST = 24


def depthwise_strips(site: Site) -> Implementation | None:
    """What `depthwise_planes` or `depthwise_bytes` takes, in the tallest strips that need little beyond the tensors.

    The rows where two strips meet are copied twice. Declines where a whole plane needs as little, where a strip might
    lie beyond the input, and images of one column, whose strips would hold next to nothing.
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
    """Working memory, and what keeps a smaller output from lying over the input."""
    site, contract = implementation.site, implementation.contract
    apart = 0 if site.output.size_bytes == site.inputs[0].size_bytes else max(contract.safe_distance_bytes.values())
    return contract.scratch_bytes + max(0, apart)
