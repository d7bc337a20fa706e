"""Prices: what trained networks really take, at each level, and what they leave open."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import onnx
import pytest

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.evaluation import pricing
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.costs import with_levers
from sparse_mcu.search.evaluation.figures import Figures, simulated_figures
from sparse_mcu.search.evaluation.objectives import KINDS, Objective, Objectives, objectives_of
from sparse_mcu.search.evaluation.pricing import (
    CODE_SLACK_BYTES,
    STACK_SLACK_BYTES,
    TIME_SLACK,
    Level,
    Price,
    Pricer,
    plan_model,
)
from sparse_mcu.search.network.onnx_file import build_model
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import train
from sparse_mcu.search.network.stages.quantization import quantize
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.space.task import Task
from sparse_mcu.simulation.execution.run import simulate_model
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions
from sparse_mcu.simulation.firmware.outline import FirmwareOutline

LEVELS: tuple[Level, ...] = ("shape", "plan", "build", "run")
NET_C = "pool2 conv-3x6/max conv-3x12 conv-3x8/valid/max dense"
IMAGES = Task((1, 28, 28), 10)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return digits.load(None)


@pytest.fixture(scope="module", params=["microbit", "stm32f413h-disco"])
def pricer(request: pytest.FixtureRequest, data: Dataset) -> Iterator[Pricer]:
    target = Target(load_board(request.param))
    with target.tools() as tools:
        yield Pricer(data.task, target, DEFAULTS, tools)


def of_image_pricer(options: BuildOptions = DEFAULTS) -> Pricer:
    return Pricer(IMAGES, Target(load_board("microbit")), options)


def drawn(data: Dataset, seed: int) -> Configuration:
    """A random network that is not pruned."""
    space = Space(data.task, Limits(max_macs=20_000, max_weights=3000))
    return space.sample(np.random.default_rng(seed)).model_copy(update={"pruning": None})


def trained(
    pricer: Pricer, data: Dataset, configuration: Configuration
) -> tuple[dict[str, Objective], dict[Level, Price]]:
    """The objectives of a network after an epoch of training, and its prices before."""
    architecture = build_architecture(configuration, data.task)
    network = train(architecture, data.train, Recipe(epochs=1), seed=0, on_epoch=lambda *_: None)
    model = build_model(quantize(network, data.train.images[:256]), name="trained")
    options = with_levers(DEFAULTS, configuration.levers)
    report = simulate_model(model, pricer.target, options, tools=pricer.tools)
    found = objectives_of(simulated_figures(load_graph(model), report))
    return dict(found.root), {level: pricer.price(configuration, level) for level in LEVELS}


@pytest.mark.parametrize(
    "network",
    [
        1,
        "conv-3x4|sep-3x4/max conv-3x8/add avg dense",
        *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 14)),
    ],
)
def test_prices_are_what_the_trained_network_takes(pricer: Pricer, data: Dataset, network: int | str) -> None:
    configuration = parse(network) if isinstance(network, str) else drawn(data, network)
    found, prices = trained(pricer, data, configuration)
    for price in prices.values():
        assert all(least <= found[name].value for name, least in price.least.items())
    for level in ("plan", "build", "run"):
        priced = prices[level].objectives
        assert priced["stored_size"] == found["stored_size"]
        assert priced["working_memory_2"] == found["working_memory_2"]
        assert priced["model_size"].value >= found["model_size"].value
        assert priced["model_size"].fidelity == priced["working_memory_1"].fidelity == "predicted"
    for level in ("build", "run"):
        priced = prices[level].objectives
        assert priced["ram_bytes"].value == pytest.approx(found["ram_bytes"].value, abs=STACK_SLACK_BYTES)
        assert priced["flash_bytes"].value == pytest.approx(found["flash_bytes"].value, abs=CODE_SLACK_BYTES)
        assert priced["ram_bytes"].fidelity == priced["flash_bytes"].fidelity == "analysed"
    cycles = prices["run"].objectives["latency_ms"]
    assert cycles.value == pytest.approx(found["latency_ms"].value, rel=TIME_SLACK)
    assert cycles.fidelity == found["latency_ms"].fidelity
    planned = prices["plan"].objectives
    assert {planned[name].fidelity for name in ("ram_bytes", "flash_bytes", "latency_ms", "energy_mj")} == {"predicted"}
    assert planned["ram_bytes"].value == pytest.approx(found["ram_bytes"].value, abs=128)
    assert prices["shape"].objectives == Objectives({})


def test_each_level_knows_at_least_as_much_as_the_one_before(pricer: Pricer) -> None:
    prices = [pricer.price(parse("conv-3x8/max dense-16 dense"), level) for level in LEVELS]
    for before, after in pairwise(prices):
        assert all(after.least[name] >= bytes_ for name, bytes_ in before.least.items())
    assert 0 < prices[0].least["ram_bytes"] < prices[2].least["ram_bytes"]
    assert set(prices[-1].objectives.root) == {name for name, kind in KINDS.items() if kind.known != "trained"}


def test_the_shape_bound_by_hand() -> None:
    """28x28 become 14x14, then 6 maps of 14x14; 1,886 weights, and biases of 6 + 12 + 8 + 10 channels."""
    least = of_image_pricer().price(parse(NET_C), "shape").least
    stored = 1886 + 4 * (6 + 12 + 8 + 10)
    assert least == {"ram_bytes": max(784, 6 * 14 * 14), "stored_size": stored, "flash_bytes": stored + 64}


@pytest.mark.parametrize(("levers", "arena"), [("", 1200), ("levers=pools", 868), ("levers=streams,recompute1.5", 784)])
def test_the_levers_of_a_configuration_count(levers: str, arena: int) -> None:
    pricer, configuration = of_image_pricer(), parse(f"{NET_C} {levers}".strip())
    assert pricer.price(configuration, "plan").least["ram_bytes"] == arena
    assert pricer.price(configuration, "shape").least["ram_bytes"] <= arena


def test_a_pruned_network_may_take_less_so_only_its_image_is_certain() -> None:
    dense, pruned = (of_image_pricer().price(parse(f"{NET_C}{words}")) for words in ("", " prune=variational:1"))
    assert pruned.least == {"ram_bytes": 784, "flash_bytes": 64}
    assert {objective.fidelity for objective in pruned.objectives.root.values()} == {"predicted"}
    assert pruned.objectives["stored_size"].value == dense.objectives["stored_size"].value


def test_limits_that_are_surely_exceeded_are_named() -> None:
    price = Price(level="shape", least={"ram_bytes": 700, "stored_size": 900}, objectives=Objectives({}))
    assert price.exceeded(Bounds({"ram_bytes": 700, "error": 0.1, "flash_bytes": 1})) == ()
    assert price.exceeded(Bounds({"ram_bytes": 699, "stored_size": 100, "error": 0.1})) == ("stored_size", "ram_bytes")


def test_a_network_is_priced_once_whatever_its_augmentation(monkeypatch: pytest.MonkeyPatch) -> None:
    pricer = of_image_pricer()
    first = pricer.price(parse(NET_C))
    monkeypatch.setattr(Pricer, "_price", None)
    assert pricer.price(parse(f"{NET_C} augment=0.5")) is first


def test_a_network_is_planned_once_for_all_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    planned: list[str] = []

    def counted(model: onnx.ModelProto, board: Board, options: BuildOptions) -> tuple[Figures, FirmwareOutline]:
        planned.append(model.graph.name)
        return plan_model(model, board, options)

    monkeypatch.setattr(pricing, "plan_model", counted)
    pricer = of_image_pricer()
    for words in ("", " prune=variational:1"):
        for level in ("plan", "build"):
            pricer.price(parse(f"{NET_C}{words}"), level)
    assert len(planned) == 1
    for channels in range(2, 12):
        pricer.price(parse(f"pool4 conv-3x{channels}/max dense"))
    assert len(planned) == 11
    pricer.price(parse(NET_C), "plan")
    assert len(planned) == 11, "its price is known"
