"""Streams executed by generated C: the reference's outputs, bit for bit, whatever the memory held before."""

from firmware_builds import BATCHES, BOARDS, run_on_host
from guarded import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import Draw, random_inputs
from streamed import Chain, chains, generate_streamed, graph_of_chains

from costmodel.devices import load_board
from costmodel.devices.types import Board
from costmodel.graph import Graph
from costmodel.memory.stream import Stream
from costmodel.memory.streaming import build_stream
from simulation.firmware.kernels import OPTIMISE, Optimise
from simulation.firmware.stages import StageKernels
from simulation.reference import run_reference

CHAINS = st.tuples(*(chains(f"c{number}") for number in range(4)))


def streams_of(draw: Draw, graph: Graph, parts: tuple[Chain, ...], board: Board, optimise: Optimise) -> list[Stream]:
    """A stream over all of each part, or over two or more of its operators, where that can be."""
    stages = StageKernels(board.core, optimise)
    found = []
    for part in parts:
        count = len(part.operators)
        start = draw(st.sampled_from([0, 0, *range(count - 1)]))
        end = draw(st.sampled_from([count, count, *range(start + 2, count + 1)]))
        band, strips = draw(st.sampled_from([1, 1, 2, 3])), draw(st.sampled_from([1, 1, 2, 3]))
        stretch = part.operators[start:end]
        stream = build_stream(graph, stretch, band_rows=band, strips=strips, stage_contracts=stages.contract)
        found += [stream] if stream else []
    return found


@settings(BATCHES, max_examples=6)
@given(parts=CHAINS, board_name=BOARDS, optimise=st.sampled_from(OPTIMISE), seed=st.integers(0, 99), data=st.data())
def test_streams_compute_what_the_reference_does(
    parts: tuple[Chain, ...], board_name: str, optimise: Optimise, seed: int, data: st.DataObject
) -> None:
    graph, board = graph_of_chains(parts), load_board(board_name)
    streams = streams_of(data.draw, graph, parts, board, optimise)
    source = generate_streamed(graph, board, streams, optimise=optimise)
    inputs = random_inputs(graph, seed)
    expected = run_reference(graph, inputs)
    for outputs in run_on_host(graph, source, inputs, core=board.core):
        assert_same(graph, outputs, expected)
