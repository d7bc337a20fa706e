"""Predictions against hardware: the golden file says which item moved, and the bars say how good the model is."""

import numpy as np
import pytest

from sparse_mcu.benchmarks.validation import GOLDEN, predictions
from sparse_mcu.costmodel.timing.pricing import price_execution
from sparse_mcu.costmodel.timing.table import TimingTable, load_table
from sparse_mcu.simulation.validation.items import predict
from sparse_mcu.simulation.validation.recording import recorded_items

EMBENCH = [item for item in recorded_items() if item.group == "embench"]
MEAN_PERCENT, WORST_PERCENT = 3.5, 10
IMAGES = [item for item in recorded_items() if item.group == "mlperf-tiny"]


def errors(table: TimingTable) -> np.ndarray:
    """float64 [programs] of Embench, in percent."""
    priced = [price_execution(item.execution, table).total / item.measured_cycles for item in EMBENCH]
    return 100 * (np.array(priced) - 1)


def test_predictions_are_those_of_the_golden_file() -> None:
    """If a change of the model is meant, renew the file with `python -m sparse_mcu.benchmarks.validation`."""
    assert predictions().splitlines() == GOLDEN.read_text().splitlines()


def test_embench_at_zero_wait_states_with_nothing_fitted() -> None:
    assert len(EMBENCH) == 19
    found = np.abs(errors(load_table("cortex-m4")))
    assert found.mean() <= MEAN_PERCENT
    assert found.max() <= WORST_PERCENT


def test_the_larger_rules_earn_their_place() -> None:
    """Without them Embench is further off."""
    table = load_table("cortex-m4")
    best = np.abs(errors(table)).mean()
    rules = (
        "load after load",
        "load after store",
        "address after arithmetic",
        "wide target",
        "three wide instructions",
    )
    for rule in rules:
        assert np.abs(errors(table.without(rule))).mean() > best, rule


@pytest.mark.parametrize(
    ("core", "mean", "worst"), [("cortex-m0plus", 2, 5), ("cortex-m33", 3, 8), ("cortex-m7", 4, 10)]
)
def test_published_images_at_full_clock(core: str, mean: float, worst: float) -> None:
    found = np.array([100 * (predict(item).total / item.measured_cycles - 1) for item in IMAGES if item.core == core])
    assert len(found) >= 4
    assert np.abs(found).mean() <= mean
    assert np.abs(found).max() <= worst


def test_without_its_memories_no_image_with_weights_in_flash_is_near() -> None:
    """The fully connected network streams its weights from flash."""
    for item in IMAGES:
        if item.name.endswith("_int8/ad"):
            core = price_execution(item.execution, load_table(item.core)).total
            assert core < 0.9 * item.measured_cycles, item.name
            assert predict(item).causes["flash data"][0] > 0.15 * item.measured_cycles, item.name
