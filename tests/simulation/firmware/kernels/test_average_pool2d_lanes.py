"""Average pooling of four channels at a time."""

from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, average_pools, graph_of

from costmodel.devices import load_core
from simulation.firmware.kernels import select_kernels

LAYERS = average_pools(lanes=True)


@BATCHES
@given(cases=st.lists(LAYERS, min_size=8, max_size=12), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(cases: list[LayerCase], seed: int) -> None:
    assert_matches_reference(cases, "bluepill", seed, "average_pool2d_lanes")


@given(LAYERS)
def test_it_is_for_cores_that_load_words_from_any_address(case: LayerCase) -> None:
    chosen = {
        core: select_kernels(graph_of([case]), load_core(core))["node/0"].kernel for core in ("cortex-m0", "cortex-m3")
    }
    assert chosen == {"cortex-m0": "average_pool2d", "cortex-m3": "average_pool2d_lanes"}
