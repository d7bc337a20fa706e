"""Lists all kernels, in their order of preference.

The steps to add a kernel NAME:

1. NAME.py, here: a function NAME of the `Kernel` protocol. It returns None for what it does not take. Otherwise it
   states the order in which the template reads and writes (`order`), its constants and its working memory. If it
   competes with other kernels, it also states its work (`work`).
2. NAME.c.j2, here: the body of the C function. What it needs besides operator, tensors and core stands in `details`.
3. The function's place in `PREFERENCE`, below. Kernels without factors come in that order, before those with factors.
4. Only if it states its work: `python -m sparse_mcu.benchmarks.kernels --fit` measures its factors and writes them to
   choice/costs.json. `LAYERS` of that benchmark must hold layers that the kernel takes.
5. tests/simulation/firmware/kernels/test_NAME.py, which compares the kernel with the reference.
6. A strategy in `KERNELS` of tests/support/kernel_cases.py that draws layers that the kernel takes, and a line in
   `BOARDS_OF` there if it does not run on all cores. A kernel that says `takes_pitch` and `reads_pitch` has a line in
   `AT_A_PITCH` there; one that says `in_place`, in `BOARDS_OF` of tests/simulation/firmware/test_in_place.py.

Nothing else names a kernel. The tests in tests/simulation/firmware (test_overlap, test_pitch, test_input_pitch and
test_in_place) fail if step 6 is left out; they hold the template to the declared order.
"""

from collections.abc import Mapping

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

BY_NAME: Mapping[str, Kernel] = {kernel.__name__.rstrip("_"): kernel for kernel in PREFERENCE}
"""Every kernel by its name: the name of its function, without the underscore that keeps `slice_` off a builtin."""

__all__ = ["BY_NAME", "PREFERENCE", "Implementation", "Kernel", "Site", "Work"]
