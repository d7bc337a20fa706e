"""Compares streamed execution with msf-CNN (arXiv 2505.11483): the arena of its three networks.

    python -m sparse_mcu.benchmarks.streaming

Each network is planned without recomputation, and with the factor of multiplications that msf-CNN allows. msf-CNN's
figures come from its cost model (github.com/TinyPART/msf-CNN). That model has chains without the additions at the end
of residual blocks. It counts neither the network's input nor its output, and no working memory of kernels.

The column "ours" counts like msf-CNN, but adds working memory. The other columns are for the networks as they would be
deployed, with the additions and the average over the last map. "but input" counts the live bytes without the input, as
if its rows came from a camera; nothing is placed. "everything" is the whole arena.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from sparse_mcu.costmodel.devices.catalogue import load_core
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Add, AveragePool2d, Clamp, Conv2d, Operator, Window
from sparse_mcu.costmodel.graph.requantization import Rescale
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor
from sparse_mcu.costmodel.memory import plan_graph, problem_of
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.costmodel.memory.model.plan import KernelContract
from sparse_mcu.costmodel.memory.streaming.cuts import Cutter
from sparse_mcu.costmodel.memory.streaming.needs import Needs
from sparse_mcu.simulation.firmware.choice.stages import StageKernels

_RESCALE = Rescale(np.full(1, 2**20, np.int32), 0)
_QUANTIZATION = Quantization(0.05, 0)
_CORE = "cortex-m4"

Block = tuple[int, int, int, int]
"""The output channels, expansion, stride and kernel of an inverted residual block."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network as a table of shapes.

    Attributes:
        name: The name in the paper.
        side: The height and the width of the input, which has three channels.
        stem: The output channels of the first convolution, 3x3 with stride 2.
        separable: The output channels of a separable convolution after it; None if there is none.
        blocks: The inverted residual blocks.
        head: The output channels of a pointwise convolution at the end; 0 if there is none.
        published: The bytes and the factor of multiplications of msf-CNN, from the cost model in its repository.
    """

    name: str
    side: int
    stem: int
    separable: int | None
    blocks: tuple[Block, ...]
    head: int
    published: tuple[int, float]


def _blocks(*groups: tuple[Block, int]) -> tuple[Block, ...]:
    """Repeats each block as often as its group says. Only the first block of a group has the stride."""
    return tuple(
        (channels, expansion, stride if number == 0 else 1, kernel)
        for (channels, expansion, stride, kernel), times in groups
        for number in range(times)
    )


NETWORKS: tuple[Network, ...] = (
    Network(
        "MobileNetV2 0.35 r144",
        144,
        11,
        None,
        _blocks(
            ((5, 1, 1, 3), 1),
            ((8, 6, 2, 3), 2),
            ((11, 6, 2, 3), 3),
            ((22, 6, 2, 3), 4),
            ((33, 6, 1, 3), 3),
            ((56, 6, 2, 3), 3),
            ((112, 6, 1, 3), 1),
        ),
        448,
        (7887, 1.68),
    ),
    Network(
        "MCUNetV2-VWW r80",
        80,
        16,
        8,
        (
            (16, 6, 2, 3),
            (16, 3, 1, 3),
            (16, 3, 1, 3),
            (24, 3, 2, 7),
            (24, 6, 1, 3),
            (24, 5, 1, 5),
            (40, 6, 2, 7),
            (40, 6, 1, 7),
            (48, 6, 1, 3),
            (48, 4, 1, 3),
            (96, 5, 2, 5),
            (96, 5, 1, 3),
            (96, 4, 1, 3),
            (160, 3, 1, 7),
        ),
        0,
        (12000, 1.96),
    ),
    Network(
        "MCUNet-320KB r176",
        176,
        16,
        8,
        (
            (16, 3, 2, 7),
            (16, 5, 1, 3),
            (16, 5, 1, 7),
            (16, 4, 1, 5),
            (24, 5, 2, 5),
            (24, 5, 1, 5),
            (24, 5, 1, 5),
            (40, 5, 2, 3),
            (40, 6, 1, 7),
            (40, 4, 1, 5),
            (48, 5, 1, 5),
            (48, 5, 1, 7),
            (48, 5, 1, 3),
            (96, 6, 2, 3),
            (96, 5, 1, 7),
            (96, 4, 1, 3),
            (160, 5, 1, 7),
        ),
        0,
        (42643, 2.69),
    ),
)


@dataclass(slots=True)
class _Builder:
    """Builds a graph with random weights. Each method adds a tensor and returns its name."""

    rng: np.random.Generator
    operators: list[Operator] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def tensor(self, height: int, width: int, channels: int) -> str:
        name = f"t{len(self.tensors)}"
        self.tensors[name] = Tensor(name, (1, height, width, channels), _QUANTIZATION)
        return name

    def conv(self, source: str, channels: int, kernel: int, stride: int = 1, *, is_depthwise: bool = False) -> str:
        _, height, width, deep = self.tensors[source].shape
        output = self.tensor(-(-height // stride), -(-width // stride), channels)
        taps = 1 if is_depthwise else deep
        self.operators.append(
            Conv2d(
                name=f"conv_{len(self.operators)}",
                inputs=(source,),
                output=output,
                weights=self.rng.integers(-127, 128, (channels, kernel, kernel, taps), dtype=np.int8),
                bias=self.rng.integers(-999, 1000, channels, dtype=np.int32),
                window=Window(kernel=(kernel, kernel), strides=(stride, stride), padding=(kernel // 2,) * 4),
                groups=deep if is_depthwise else 1,
                rescale=_RESCALE,
                clamp=Clamp(),
            )
        )
        return output

    def add(self, one: str, other: str) -> str:
        _, *shape = self.tensors[one].shape
        output, name = self.tensor(*shape), f"add_{len(self.operators)}"
        half = 2**18
        self.operators.append(
            Add(name=name, inputs=(one, other), output=output, multipliers=(half, half), shift=19, clamp=Clamp())
        )
        return output

    def average(self, source: str) -> str:
        _, height, width, channels = self.tensors[source].shape
        output = self.tensor(1, 1, channels)
        self.operators.append(
            AveragePool2d(
                name="average",
                inputs=(source,),
                output=output,
                window=Window(kernel=(height, width)),
                rescale=_RESCALE,
                clamp=Clamp(),
            )
        )
        return output


def graph_of(network: Network, *, is_whole: bool) -> Graph:
    """Returns the graph of a network; if it is not whole, without additions and average, as msf-CNN models it."""
    net = _Builder(np.random.default_rng(1))
    image = net.tensor(network.side, network.side, 3)
    last = net.conv(image, network.stem, 3, 2)
    if network.separable:
        last = net.conv(net.conv(last, network.stem, 3, is_depthwise=True), network.separable, 1)
    for channels, expansion, stride, kernel in network.blocks:
        deep = net.tensors[last].shape[3]
        wide = net.conv(last, deep * expansion, 1)
        narrow = net.conv(net.conv(wide, deep * expansion, kernel, stride, is_depthwise=True), channels, 1)
        last = net.add(last, narrow) if is_whole and stride == 1 and channels == deep else narrow
    if network.head:
        last = net.conv(last, network.head, 1)
    if is_whole:
        last = net.average(last)
    return Graph(network.name, "", net.tensors, tuple(net.operators), (image,), (last,))


class Kernels:
    """Looks up the contracts of the kernels that a balanced build chooses, for whole layers and for stages."""

    def __init__(self) -> None:
        self._stages = StageKernels(load_core(_CORE), "balanced")

    def stage(self, operator: Operator, inputs: tuple[Tensor, ...], output: Tensor) -> KernelContract | None:
        """Returns the contract of one call; None if no kernel takes it."""
        return self._stages.contract(operator, inputs, output)

    def of(self, graph: Graph) -> Mapping[str, KernelContract]:
        """Returns the contract of every operator of `graph`, executed whole."""
        found = {each.name: self.stage(each, graph.inputs_of(each), graph.output_of(each)) for each in graph.operators}
        return {name: contract for name, contract in found.items() if contract}


def least_need(graph: Graph, kernels: Kernels, levers: Levers, uncounted: Collection[str]) -> int:
    """Returns the most live bytes of a step in the best cut; tensors in `uncounted` take none. Nothing is placed."""
    problem = problem_of(graph, kernels.of(graph), levers)
    free = {problem.buffer_of[name]: 0 for name in uncounted}
    sizes = {**problem.sizes_bytes, **free}
    cutter = Cutter(Needs(graph, replace(problem, sizes_bytes=sizes), levers, kernels.stage))
    return cutter.least_need(max(option.need_bytes for option in cutter.singles))


@dataclass(frozen=True, slots=True)
class Row:
    """The bytes of a network for a factor of multiplications.

    Attributes:
        network: The name of the network.
        factor: The most multiplications, as a multiple of those without recomputation.
        published: The bytes of msf-CNN at its own factor; None at others.
        comparable: Our bytes, counted like msf-CNN's, but with working memory.
        without_input: Our live bytes with the additions and without the input.
        arena: Our whole arena, with the input.
        bound: The lower bound of `arena`.
        input_bytes: The bytes of the input, which `arena` contains.
        seconds: The time to plan `arena`.
    """

    network: str
    factor: float
    published: int | None
    comparable: int
    without_input: int
    arena: int
    bound: int
    input_bytes: int
    seconds: float


def rows(networks: Collection[Network] = NETWORKS) -> Iterator[Row]:
    """Plans each network without recomputation and with msf-CNN's factor."""
    for network in networks:
        chain, whole = graph_of(network, is_whole=False), graph_of(network, is_whole=True)
        published, factor = network.published
        for allowed in (1.0, factor):
            kernels = Kernels()
            levers = Levers(streaming=True, max_recompute=allowed)
            comparable = least_need(chain, kernels, levers, (*chain.inputs, *chain.outputs))
            contracts = kernels.of(whole)
            begin = perf_counter()
            plan = plan_graph(whole, contracts, levers, stage_contracts=kernels.stage)
            yield Row(
                network.name,
                allowed,
                published if allowed == factor else None,
                comparable,
                least_need(whole, kernels, levers, whole.inputs),
                plan.arena_bytes,
                plan.lower_bound_bytes,
                whole.tensor(whole.inputs[0]).size_bytes,
                perf_counter() - begin,
            )


def _print(write: Callable[[str], object] = print) -> None:
    write(
        f"{'network':24}{'MACs':>6}{'msf-CNN':>9}{'ours':>9}{'but input':>11}{'everything':>12}{'bound':>9}"
        f"{'input':>9}{'s':>6}"
    )
    for row in rows():
        write(
            f"{row.network:24}{row.factor:6.2f}{row.published or '':>9}{row.comparable:9}{row.without_input:11}"
            f"{row.arena:12}{row.bound:9}{row.input_bytes:9}{row.seconds:6.1f}"
        )


if __name__ == "__main__":
    _print()
