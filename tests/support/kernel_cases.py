"""Draws layers that a kernel takes, in batches that prove that this kernel computed them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hypothesis import assume
from hypothesis import strategies as st
from layer_cases import (
    Draw,
    LayerCase,
    additions,
    average_pools,
    concatenations,
    convolutions,
    dense_layers,
    gathers,
    graph_of,
    max_pools,
    odd_pixels,
    paddings,
    pruned,
    requantizations,
    single_rows,
    slices,
    softmaxes,
    tall_images,
    transpositions,
)

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.devices.types import Board, Core
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.simulation.firmware.kernels import BY_NAME
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, site_of
from sparse_mcu.simulation.firmware.source import FirmwareSource

KERNELS: Mapping[str, st.SearchStrategy[LayerCase]] = {
    "pointwise": convolutions(kind="pointwise"),
    "depthwise": convolutions(kind="depthwise"),
    "pointwise_biplex": odd_pixels(),
    "conv2d_patch": convolutions(kind="shallow"),
    "conv2d": convolutions(),
    "conv2d_biplex": convolutions(kind="undilated"),
    "conv2d_swar": convolutions(kind="undilated"),
    "depthwise_bytes": convolutions(kind="planes"),
    "depthwise_planes": convolutions(kind="planes"),
    "depthwise_rows": single_rows(),
    "depthwise_strips": tall_images(),
    "dense": dense_layers(),
    "dense_biplex": dense_layers(fast=True, lowest=-127) | dense_layers(fast=True),
    "dense_interleaved": dense_layers(fast=True),
    "add": additions(),
    "max_pool2d": max_pools(),
    "max_pool2d_lanes": max_pools(lanes=True),
    "average_pool2d": average_pools(),
    "average_pool2d_lanes": average_pools(lanes=True),
    "softmax": softmaxes(),
    "requantize": requantizations(),
    "pad2d": paddings(),
    "concat": concatenations(),
    "gather": gathers(),
    "slice": slices(),
    "sparse_conv2d": pruned(convolutions(fewest_in=6), some=True) | pruned(convolutions(), some=True),
    "sparse_dense": pruned(dense_layers(fewest_features=6, most_features=900), some=True),
    "transpose": transpositions(),
}
"""Strategies for layers that each kernel takes mostly. `batches` leaves out the others."""

AT_A_PITCH = (
    "conv2d",
    "conv2d_patch",
    "conv2d_biplex",
    "conv2d_swar",
    "pointwise",
    "depthwise",
    "depthwise_planes",
    "depthwise_rows",
    "pointwise_biplex",
    "sparse_conv2d",
    "max_pool2d",
    "max_pool2d_lanes",
    "average_pool2d",
    "average_pool2d_lanes",
    "requantize",
    "add",
    "concat",
    "gather",
    "slice",
)
"""Kernels that can read and write maps with a pitch: pixels that lie further apart than their channels."""

BOARDS_OF = {
    "conv2d_biplex": ["nucleo-l4r5zi"],
    "conv2d_swar": ["microbit", "bluepill"],
    "pointwise_biplex": ["nucleo-l4r5zi"],
    "depthwise_bytes": ["microbit", "bluepill"],
    "depthwise_planes": ["nucleo-l4r5zi"],
    "dense_biplex": ["microbit", "nucleo-l4r5zi"],
    "dense_interleaved": ["bluepill"],
}
"""Boards for kernels that suit some cores only."""

ALL_CORES = ["microbit", "bluepill", "nucleo-l4r5zi"]
"""Boards for kernels that suit all cores."""

_ATTEMPTS = 6


@dataclass(frozen=True)
class Batch:
    """Layers of one graph that one kernel takes on one board.

    Attributes:
        kernel: The kernel.
        board: The board.
        cases: The layers.
    """

    kernel: str
    board: Board
    cases: list[LayerCase]

    @property
    def graph(self) -> Graph:
        """Returns a graph of the layers, which are independent of each other."""
        return graph_of(self.cases)

    @property
    def settled(self) -> dict[str, str]:
        """Returns the kernel of each layer, for `generate_firmware`."""
        return {operator.name: self.kernel for operator in self.graph.operators}


def fitted(case: LayerCase, kernel: str, core: Core) -> Implementation | None:
    """Returns a kernel's implementation of a layer; None if the kernel declines."""
    graph = graph_of([case])
    return BY_NAME[kernel](site_of(graph, graph.operators[0], core))


@st.composite
def layers_for(
    draw: Draw, kernel: str, core: Core, form: Callable[[LayerCase], LayerCase] = lambda case: case
) -> LayerCase:
    """Draws a layer that a kernel takes, after `form` changed it."""
    attempts = (form(draw(KERNELS[kernel])) for _ in range(_ATTEMPTS))
    case = next((each for each in attempts if fitted(each, kernel, core) is not None), None)
    assume(case is not None)
    return case


@st.composite
def batches(
    draw: Draw, kernel: str, form: Callable[[LayerCase], LayerCase] = lambda case: case, most: int = 12
) -> Batch:
    """Draws layers that a kernel takes, on a board whose core suits the kernel.

    Args:
        draw: Hypothesis's function.
        kernel: The kernel.
        form: Changes each layer that is drawn.
        most: The most layers; the fewest are two thirds of it.
    """
    board = load_board(draw(st.sampled_from(BOARDS_OF.get(kernel, ALL_CORES))))
    layers = layers_for(kernel, board.core, form)
    return Batch(kernel, board, draw(st.lists(layers, min_size=most * 2 // 3, max_size=most)))


def assert_computed(batch: Batch, source: FirmwareSource) -> None:
    """Asserts that the batch's kernel computes each layer of the batch in the firmware."""
    computed = {layer.operator: layer.kernel for layer in source.layers if layer.operator in batch.settled}
    assert computed == batch.settled
