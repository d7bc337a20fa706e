"""A global average, some rows in each call."""

from math import prod

from firmware_builds import BATCHES, BOARDS, run_on_host
from guarded import assert_same
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import Draw, clamps, random_inputs
from streamed import Chain, generate_streamed, graph_of_chains

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Requantize, Window
from sparse_mcu.costmodel.graph.requantization import rescale_for
from sparse_mcu.costmodel.memory.streaming import build_stream
from sparse_mcu.simulation.firmware.choice.stages import StageKernels
from sparse_mcu.simulation.reference import run_reference

ZERO = st.sampled_from([-128, -7, 0, 127])
SIZE = st.integers(1, 9)


@st.composite
def averaged(draw: Draw, prefix: str) -> Chain:
    """A map of any size, requantised and averaged."""
    height, width, channels = draw(st.integers(2, 9)), draw(SIZE), draw(SIZE)
    chain = Chain(prefix, (1, height, width, channels))
    requantize = Requantize(
        name="", inputs=(), output="", rescale=rescale_for(1.0, 255, where=""), clamp=draw(clamps())
    )
    chain.append(requantize, chain.last.shape, zero_point=draw(ZERO))
    window = Window(kernel=(height, width))
    taps = prod(window.kernel)
    rescale = rescale_for(draw(st.floats(0.1, 3.0)) / taps, 255 * taps, where="")
    average = AveragePool2d(name="", inputs=(), output="", window=window, rescale=rescale, clamp=draw(clamps()))
    chain.append(average, (1, 1, 1, channels), zero_point=draw(ZERO))
    return chain


@BATCHES
@given(
    chains=st.tuples(*(averaged(f"c{number}") for number in range(8))),
    bands=st.lists(st.integers(1, 4), min_size=8, max_size=8),
    board_name=BOARDS,
    seed=st.integers(0, 99),
)
def test_it_computes_what_the_reference_does(
    chains: tuple[Chain, ...], bands: list[int], board_name: str, seed: int
) -> None:
    graph, board = graph_of_chains(chains), load_board(board_name)
    contracts = StageKernels(board.core, "speed").contract
    built = [
        build_stream(graph, chain.operators, band_rows=band, stage_contracts=contracts)
        for chain, band in zip(chains, bands, strict=True)
    ]
    streams = [stream for stream in built if stream]
    source = generate_streamed(graph, board, streams, optimise="speed")
    assert streams
    assert [layer.kernel for layer in source.layers].count("average_pool2d_rows") == len(streams)
    inputs = random_inputs(graph, seed)
    for outputs in run_on_host(graph, source, inputs, core=board.core):
        assert_same(graph, outputs, run_reference(graph, inputs))
