"""What intervals of steps need."""

from stream_cases import Net, kernels

from sparse_mcu.costmodel.graph import Window
from sparse_mcu.costmodel.memory import Levers, problem_of
from sparse_mcu.costmodel.memory.streaming.needs import Needs, macs_of

THREE = Window(kernel=(3, 3), padding=(1, 1, 1, 1))


def needs(levers: Levers) -> Needs:
    net = Net((8, 8, 2))
    graph = net.graph(net.relu(net.conv(net.conv("x", 4, THREE), 2, THREE)))
    contracts = {each.name: kernels(each, graph.inputs_of(each), graph.output_of(each)) for each in graph.operators}
    return Needs(graph, problem_of(graph, contracts, levers), levers, kernels)


def test_multiplications_are_pixels_times_weights() -> None:
    found = needs(Levers(streaming=True))
    counts = [macs_of(found.graph, each) for each in found.operators]
    assert counts == [64 * 4 * 9 * 2, 64 * 2 * 9 * 4, 0]
    assert found.most_extra_macs == 0
    assert needs(Levers(streaming=True, max_recompute=1.5)).most_extra_macs == sum(counts) // 2


def test_bounds_are_below_what_a_stream_needs() -> None:
    found = needs(Levers(streaming=True))
    stream = found.stream(0, 3, 10**6)
    assert stream is not None
    assert stream.stream is not None
    assert found.least(0, 3) <= stream.least_bytes <= stream.anyway_bytes <= stream.need_bytes
    assert stream.cost == (0, 3)
    assert found.stream(0, 3, found.least(0, 3) - 1) is None


def test_streams_may_begin_wherever_nobody_else_reads() -> None:
    found = needs(Levers(streaming=True))
    assert [*found.starts(3)] == [1, 0]
    assert found.strips(3) == []
    assert needs(Levers(streaming=True, max_recompute=2.0)).strips(3) == [2, 3, 4, 8]
