"""The choice between kernels: predictions against the emulator, and what each goal asks for."""

import logging
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from layer_cases import LayerCase, chain_of, convolutions, graph_of, tensor

from sparse_mcu.benchmarks.kernels import LAYERS, REFERENCE, LayerShape, run_layer
from sparse_mcu.benchmarks.kernels import graph_of as network_of
from sparse_mcu.costmodel.devices import load_board, load_core
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.costmodel.graph.operators import Clamp, Conv2d, Window
from sparse_mcu.costmodel.graph.requantization import rescale_for
from sparse_mcu.simulation.firmware import generate_firmware, generate_like
from sparse_mcu.simulation.firmware.choice.costs import Cost, predicted
from sparse_mcu.simulation.firmware.choice.planning import choose_and_plan
from sparse_mcu.simulation.firmware.choice.selection import choices_of, select_kernels
from sparse_mcu.simulation.firmware.options import OPTIMISE, BuildOptions

BOARDS = ["nucleo-g0b1re", "bluepill", "nucleo-l4r5zi", "nucleo-f746zg", "nucleo-u575zi-q"]


def test_goals_rank_by_what_they_are_called() -> None:
    quick, small = Cost(100.0, 900.0), Cost(250.0, 400.0)
    best = {goal: min((quick, small), key=lambda cost: cost.rank(goal)) for goal in OPTIMISE}
    assert best == {"speed": quick, "flash": small, "balanced": quick}


@pytest.mark.parametrize("board_name", BOARDS)
def test_what_is_chosen_for_speed_is_fast(board_name: str) -> None:
    """Against every other kernel, run in the emulator: none is more than a tenth faster."""
    board, graph = load_board(board_name), network_of(LayerShape(9, 9, 8, 12))
    runs = {
        each.kernel: run_layer(graph, board, kernel=each.kernel).cycles
        for each in choices_of(graph, board.core, "speed")["layer"]
    }
    chosen = run_layer(graph, board, "speed").kernel
    assert len(runs) > 1
    assert runs[chosen] <= 1.1 * min(runs.values())


@pytest.mark.parametrize("shape", REFERENCE, ids=lambda shape: shape.name)
@pytest.mark.parametrize("board_name", BOARDS)
def test_predictions_are_near_what_runs(board_name: str, shape: LayerShape) -> None:
    board, graph = load_board(board_name), network_of(shape)
    run = run_layer(graph, board)
    cost = predicted(select_kernels(graph, board.core, "speed")["layer"])
    assert cost is not None
    assert cost.cycles == pytest.approx(run.cycles, rel=0.25)


@given(convolutions(kind="undilated"))
def test_every_goal_gets_the_least_of_its_own(case: LayerCase) -> None:
    core = load_core("cortex-m4")
    costs = {
        goal: predicted(select_kernels(graph_of([case]), core, goal)["node/0"])
        for goal in ("speed", "flash", "balanced")
    }
    assert costs["speed"].cycles <= costs["balanced"].cycles <= costs["flash"].cycles
    assert costs["speed"].flash_bytes >= costs["balanced"].flash_bytes >= costs["flash"].flash_bytes


SPARSE = [shape for shape in LAYERS if shape.density < 1]


@pytest.mark.parametrize("shape", SPARSE, ids=lambda shape: shape.name)
def test_predictions_of_sparse_kernels_are_near_what_runs(shape: LayerShape) -> None:
    for board in (load_board("nucleo-g0b1re"), load_board("nucleo-l4r5zi")):
        graph = network_of(shape)
        choices = choices_of(graph, board.core, "flash")["layer"]
        (sparse,) = (each for each in choices if each.kernel.startswith("sparse"))
        run, cost = run_layer(graph, board, kernel=sparse.kernel), predicted(sparse)
        assert cost is not None
        assert cost.cycles == pytest.approx(run.cycles, rel=0.25)
        assert cost.flash_bytes == pytest.approx(run.code_bytes + sum(c.size_bytes for c in sparse.constants), rel=0.25)


@pytest.mark.parametrize(
    ("density", "goals"),
    [(0.05, {"speed", "flash", "balanced"}), (0.2, {"flash", "balanced"}), (0.5, {"flash"}), (0.9, set())],
)
def test_zeros_decide_by_goal(density: float, goals: set[str]) -> None:
    graph = network_of(LayerShape(1, 1, 256, 64, (0, 0), density=density))
    core = load_core("cortex-m4")
    chosen = {goal for goal in OPTIMISE if select_kernels(graph, core, goal)["layer"].kernel == "sparse_dense"}
    assert chosen == goals


def _depthwise(channels: int) -> Conv2d:
    rng = np.random.default_rng(0)
    return Conv2d(
        name="",
        inputs=(),
        output="",
        weights=rng.integers(-99, 99, (channels, 3, 3, 1)).astype(np.int8),
        bias=np.zeros(channels, np.int32),
        window=Window(kernel=(3, 3), padding=(1, 1, 1, 1)),
        groups=channels,
        rescale=rescale_for(0.001, 255 * 128 * 9, where=""),
        clamp=Clamp(),
    )


def test_only_speed_pays_with_memory() -> None:
    """Planes of one channel each keep input and output apart; row by row they share memory."""
    image = tensor((1, 24, 24, 8), 3)
    graph = chain_of(image, [(_depthwise(8), image)])
    arenas = {}
    for goal in OPTIMISE:
        chosen, plan, _ = choose_and_plan(graph, load_core("cortex-m4"), BuildOptions(goal))
        arenas[goal] = plan.arena_bytes
        assert (chosen["node/0"].kernel == "depthwise_planes") == (goal == "speed")
    assert arenas["balanced"] == arenas["flash"] < arenas["speed"]


def test_balanced_takes_strips_where_planes_have_no_room(shared_data: Path) -> None:
    graph = load_graph(shared_data / "models" / "mlperf__vww_96_int8.onnx")
    chosen, plan, _ = choose_and_plan(graph, load_core("cortex-m4"), BuildOptions("balanced"))
    kernels = Counter(each.kernel for each in chosen.values())
    assert kernels["depthwise_strips"] > 0
    assert kernels["depthwise"] == kernels["pointwise"] == 0
    assert (
        plan.arena_bytes <= 1.05 * choose_and_plan(graph, load_core("cortex-m4"), BuildOptions("flash"))[1].arena_bytes
    )


def test_the_example_of_the_choice(shared_data: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells each step of the example in the docstring."""
    graph = load_graph(shared_data / "models" / "mlperf__vww_96_int8.onnx")
    with caplog.at_level(logging.DEBUG, logger="sparse_mcu.simulation.firmware.choice"):
        choose_and_plan(graph, load_core("cortex-m4"), BuildOptions("balanced"))
    *steps, last = caplog.messages
    arenas = [int(found[1]) for line in steps if (found := re.search(r"arena of (\d+) bytes", line))]
    assert arenas == [50964, 41864, 37564, 38116]
    assert [("goes back" in line, "gets depthwise_strips" in line) for line in steps] == [(True, False)] * 2 + [
        (False, True)
    ] * 2
    assert "38116 bytes of arena" in last
    assert all(f"{arena:,}" in (choose_and_plan.__doc__ or "") for arena in arenas)


@pytest.mark.parametrize("goal", OPTIMISE)
def test_sources_made_again_have_the_same_kernels(goal: str) -> None:
    board, graph = load_board("nucleo-l4r5zi"), network_of(LAYERS[3])
    first = generate_firmware(graph, board, BuildOptions(optimise=goal))
    assert generate_like(graph, board, first).files == first.files
