"""The kernels, and which of them computes what.

To add one: a module here with a function of the `Kernel` protocol, which states the order in which the template
reads and writes (`order`), a template of the same name, its place in `PREFERENCE`, a test file of that name,
and a line in KERNELS of tests/simulation/firmware/test_overlap.py, which holds the template to that order. One that
says `takes_pitch`, `reads_pitch` or `in_place` has a line in test_pitch.py, test_input_pitch.py or test_in_place.py
beside it, too.
"""

from sparse_mcu.simulation.firmware.kernels.add import add
from sparse_mcu.simulation.firmware.kernels.average_pool2d import average_pool2d
from sparse_mcu.simulation.firmware.kernels.average_pool2d_lanes import average_pool2d_lanes
from sparse_mcu.simulation.firmware.kernels.average_pool2d_rows import average_pool2d_rows
from sparse_mcu.simulation.firmware.kernels.concat import concat
from sparse_mcu.simulation.firmware.kernels.conv2d import conv2d
from sparse_mcu.simulation.firmware.kernels.conv2d_biplex import conv2d_biplex
from sparse_mcu.simulation.firmware.kernels.conv2d_patch import conv2d_patch
from sparse_mcu.simulation.firmware.kernels.conv2d_swar import conv2d_swar
from sparse_mcu.simulation.firmware.kernels.dense import dense
from sparse_mcu.simulation.firmware.kernels.dense_biplex import dense_biplex
from sparse_mcu.simulation.firmware.kernels.dense_interleaved import dense_interleaved
from sparse_mcu.simulation.firmware.kernels.depthwise import depthwise
from sparse_mcu.simulation.firmware.kernels.depthwise_bytes import depthwise_bytes
from sparse_mcu.simulation.firmware.kernels.depthwise_planes import depthwise_planes
from sparse_mcu.simulation.firmware.kernels.depthwise_rows import depthwise_rows
from sparse_mcu.simulation.firmware.kernels.depthwise_strips import depthwise_strips
from sparse_mcu.simulation.firmware.kernels.gather import gather
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Kernel, Site
from sparse_mcu.simulation.firmware.kernels.max_pool2d import max_pool2d
from sparse_mcu.simulation.firmware.kernels.max_pool2d_lanes import max_pool2d_lanes
from sparse_mcu.simulation.firmware.kernels.pad2d import pad2d
from sparse_mcu.simulation.firmware.kernels.pointwise import pointwise
from sparse_mcu.simulation.firmware.kernels.pointwise_biplex import pointwise_biplex
from sparse_mcu.simulation.firmware.kernels.requantize import requantize
from sparse_mcu.simulation.firmware.kernels.slice import slice_
from sparse_mcu.simulation.firmware.kernels.softmax import softmax
from sparse_mcu.simulation.firmware.kernels.sparse_conv2d import sparse_conv2d
from sparse_mcu.simulation.firmware.kernels.sparse_dense import sparse_dense
from sparse_mcu.simulation.firmware.kernels.transpose import transpose
from sparse_mcu.simulation.firmware.kernels.work import Work

PREFERENCE: tuple[Kernel, ...] = (
    sparse_conv2d,
    sparse_dense,
    pointwise_biplex,
    conv2d_biplex,
    conv2d_swar,
    dense_biplex,
    dense_interleaved,
    depthwise_planes,
    depthwise_bytes,
    depthwise_strips,
    depthwise_rows,
    pointwise,
    depthwise,
    conv2d_patch,
    conv2d,
    dense,
    add,
    max_pool2d_lanes,
    max_pool2d,
    average_pool2d_lanes,
    average_pool2d,
    average_pool2d_rows,
    softmax,
    requantize,
    pad2d,
    concat,
    gather,
    slice_,
    transpose,
)

__all__ = ["PREFERENCE", "Implementation", "Kernel", "Site", "Work"]
