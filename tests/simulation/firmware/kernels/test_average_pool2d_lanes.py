"""Average pooling of four channels at a time."""

from math import prod

from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches
from layer_cases import LayerCase, average_pools, graph_of

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.simulation.firmware.kernels.average_pool2d_lanes import average_pool2d_lanes
from sparse_mcu.simulation.firmware.kernels.kernel import site_of

LAYERS = average_pools(lanes=True)


@BATCHES
@given(batch=batches("average_pool2d_lanes"), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@given(LAYERS)
def test_it_takes_few_taps_only_where_that_pays(case: LayerCase) -> None:
    graph = graph_of([case])
    taken = {
        core: average_pool2d_lanes(site_of(graph, graph.operators[0], load_core(core))) is not None
        for core in ("cortex-m0", "cortex-m3", "cortex-m4")
    }
    few = prod(case.operator.window.kernel) <= 4
    assert taken == {"cortex-m0": case.output.shape[-1] % 4 == 0 and not few, "cortex-m3": True, "cortex-m4": True}
