"""What intervals of steps need."""

from stream_cases import Net, kernels

from sparse_mcu.costmodel.graph import Graph, Window
from sparse_mcu.costmodel.memory import Levers, problem_of
from sparse_mcu.costmodel.memory.streaming.needs import Needs, macs_of

THREE = Window(kernel=(3, 3), padding=(1, 1, 1, 1))


def needs_of(graph: Graph, levers: Levers) -> Needs:
    contracts = {each.name: kernels(each, graph.inputs_of(each), graph.output_of(each)) for each in graph.operators}
    return Needs(graph, problem_of(graph, contracts, levers), levers, kernels)


def needs(levers: Levers) -> Needs:
    net = Net((8, 8, 2))
    return needs_of(net.graph(net.relu(net.conv(net.conv("x", 4, THREE), 2, THREE))), levers)


def test_multiplications_are_pixels_times_weights() -> None:
    found = needs(Levers(streaming=True))
    counts = [macs_of(found.graph, each) for each in found.operators]
    assert counts == [64 * 4 * 9 * 2, 64 * 2 * 9 * 4, 0]
    assert found.most_extra_macs == 0
    assert needs(Levers(streaming=True, max_recompute=1.5)).most_extra_macs == sum(counts) // 2


def test_ends_are_all_inputs_or_all_outputs() -> None:
    """Of outputs only the largest, if some may be the same bytes."""
    net = Net((8, 8, 2))
    one, other = net.conv("x", 4, THREE), net.conv("x", 6, THREE)
    assert needs_of(net.graph(one), Levers()).ends_bytes == 64 * 4
    graph = net.graph(one, other)
    assert needs_of(graph, Levers()).ends_bytes == 64 * 10
    contracts = {each.name: kernels(each, graph.inputs_of(each), graph.output_of(each)) for each in graph.operators}
    problem = problem_of(graph, contracts, Levers())
    assert Needs(graph, problem, Levers(), kernels, views=["o0"]).ends_bytes == 64 * 6


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


def test_what_a_later_step_reads_is_not_overwritten() -> None:
    """An operator that could work in place needs its input and its output, if its input is read again."""
    net = Net((4, 4, 4))
    first = net.relu("x")
    found = needs_of(net.graph(net.add(net.relu(first), first)), Levers(streaming=True))
    assert [found.step(index).need_bytes for index in range(3)] == [64, 2 * 64, 2 * 64]


def test_a_skip_is_live_beside_the_steps_that_it_passes_in_every_order() -> None:
    """The two convolutions cannot work in place: each needs its input, its output and the skip."""
    net = Net((4, 4, 4))
    first = net.relu("x")
    found = needs_of(net.graph(net.add(net.conv(net.conv(first, 4, THREE), 4, THREE), first)), Levers(streaming=True))
    assert [found.step(index).anyway_bytes for index in range(4)] == [64, 2 * 64, 3 * 64, 2 * 64]


def test_a_stream_has_at_most_64_operators() -> None:
    net, last = Net((2, 1, 4)), "x"
    for _ in range(66):
        last = net.relu(last)
    found = needs_of(net.graph(last), Levers(streaming=True))
    assert [66 - start for start in found.starts(66)] == [*range(2, 65)]


def test_strips_divide_the_width_of_what_is_written() -> None:
    net = Net((8, 8, 2))
    halved = net.pool(net.conv("x", 2, THREE), Window(kernel=(2, 2), strides=(2, 2)))
    found = needs_of(net.graph(halved), Levers(streaming=True, max_recompute=2.0))
    assert (found.strips(1), found.strips(2)) == ([2, 3, 4, 8], [2, 4])
