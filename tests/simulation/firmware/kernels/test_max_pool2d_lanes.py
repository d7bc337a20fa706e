"""Max pooling of four channels at a time."""

from math import prod

from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import Batch, batches
from layer_cases import LayerCase, graph_of, max_pools

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.simulation.firmware.kernels.kernel import site_of
from sparse_mcu.simulation.firmware.kernels.max_pool2d_lanes import max_pool2d_lanes

LAYERS = max_pools(lanes=True)


@BATCHES
@given(batch=batches("max_pool2d_lanes"), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@given(LAYERS | max_pools())
def test_it_takes_four_channels_or_more_but_few_taps_only_where_that_pays(case: LayerCase) -> None:
    window, graph = case.operator.window, graph_of([case])
    taken = {
        core: max_pool2d_lanes(site_of(graph, graph.operators[0], load_core(core))) is not None
        for core in ("cortex-m0", "cortex-m3", "cortex-m4")
    }
    channels = case.output.shape[-1]
    few = prod(window.kernel) <= 4 and not any(window.padding)
    assert taken == {
        "cortex-m0": channels % 4 == 0 and not few,
        "cortex-m3": channels >= 4,
        "cortex-m4": channels >= 4,
    }
