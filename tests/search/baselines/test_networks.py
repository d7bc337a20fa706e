"""LeNet: its numbers, the published readings of its size and memory, and a row from training to costs."""

from pathlib import Path

import numpy as np
import pytest

from sparse_mcu import Levers, analyze
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.search.baselines.networks import LENET, PADDED, evaluate_network, lenet_for, plain_arrays
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.evaluation.figures import CandidateError
from sparse_mcu.search.evaluation.protocol import CostEvaluator
from sparse_mcu.search.evaluation.published import working_memory_2
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.onnx_file import write_onnx
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.quantization import quantize
from sparse_mcu.search.space.description import describe, parse
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.search.space.task import Task
from sparse_mcu.simulation.firmware.options import BuildOptions

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "baselines.md").read_text(encoding="utf-8")
MNIST = Task((1, 28, 28), 10)


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet without training: costs of dense layers do not depend on it."""
    path = tmp_path_factory.mktemp("lenet") / "lenet.onnx"
    images = np.random.default_rng(0).random((4, 1, 28, 28), dtype=np.float32)
    network = Network(build_architecture(lenet_for(MNIST), MNIST)).eval()
    write_onnx(quantize(network, images), path, name="lenet")
    return path


def test_lenet_is_that_of_caffe() -> None:
    assert describe(lenet_for(MNIST)) == LENET
    architecture = build_architecture(lenet_for(MNIST), MNIST)
    assert [layer.weights for layer in architecture.layers if layer.weights] == [500, 25_000, 400_000, 5_000]
    assert architecture.weights + 20 + 50 + 500 + 10 == 431_080


def test_its_plain_arrays_are_the_published_kilobytes(lenet: Path) -> None:
    weights, in_ram, in_flash = plain_arrays(build_architecture(lenet_for(MNIST), MNIST))
    assert (weights, in_ram, in_flash) == (430_500, 400_800, 14_400)
    assert int(weights / 1024) == 420
    assert int(in_ram / 1024) == 391
    assert working_memory_2(load_graph(lenet)) == in_flash
    for number in ("430,500", "400,800", "14,400"):
        assert number in PAGE


@pytest.mark.parametrize(
    ("levers", "arena"),
    [
        (Levers(), 11_704),
        (Levers(fused_pools=True), 3_944),
        (Levers(streaming=True), 3_784),
        (Levers(streaming=True, max_recompute=1.5), 2_868),
    ],
)
def test_the_planner_makes_of_it_what_the_page_says(lenet: Path, levers: Levers, arena: int) -> None:
    report = analyze(lenet, "stm32f413h-disco", options=BuildOptions(levers=levers), build=False)
    assert report.ram.arena_bytes == arena
    assert f"{arena:,}" in PAGE


def test_small_images_get_borders(few_digits: Dataset) -> None:
    assert describe(lenet_for(few_digits.task)) == PADDED
    assert build_architecture(parse(PADDED), few_digits.task).is_valid


def test_a_network_becomes_a_row(few_digits: Dataset, make_simulation: CostEvaluator) -> None:
    configuration, shares = parse("conv-3x4/max dense-16 dense"), list[float]()
    row = evaluate_network(
        configuration, few_digits, few_digits.test, recipe=Recipe(epochs=12, batch_size=16), cost=make_simulation,
        seed=0, on_progress=shares.append,
    )  # fmt: skip
    assert row.test is not None
    assert row.test.value > 0.6
    assert (row.test.images, row.test.fidelity, row.validation.images) == (150, "analysed", 150)
    assert (row.size.fidelity, row.ram.fidelity, row.ram.bytes) == ("analysed", "analysed", 1000)
    assert row.on_board is not None
    assert row.on_board.network == "conv-3x4/max dense-16 dense"
    assert row.on_board.plain_weights_bytes == 36 + 64 * 16 + 160
    assert 0.8 * row.on_board.plain_weights_bytes < row.numbers <= row.on_board.plain_weights_bytes
    assert row.on_board.plain_weights_in_ram_bytes == 64 + 64 * 16
    assert shares == sorted(shares)
    untested = evaluate_network(
        configuration,
        few_digits,
        None,
        recipe=Recipe(epochs=1),
        cost=make_simulation,
        seed=0,
        on_progress=shares.append,
    )
    assert untested.test is None


def test_a_stage_that_fails_is_named(few_digits: Dataset) -> None:
    def cost(*_: object) -> None:
        raise ValueError("oops")

    with pytest.raises(CandidateError, match="dense: cost failed: oops"):
        evaluate_network(
            parse("dense"), few_digits, None, recipe=Recipe(epochs=1), cost=cost, seed=0,  # type: ignore[arg-type]
            on_progress=lambda _: None,
        )  # fmt: skip
