"""A trial on a table has noise, may be stopped, and costs what its plan says."""

import pytest

from sparse_mcu.benchmarks.tabular.prices import KeptPrices
from sparse_mcu.benchmarks.tabular.rows import Row
from sparse_mcu.benchmarks.tabular.surrogate import Surrogate
from sparse_mcu.benchmarks.tabular.task import TabularTask
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.result import Rung, Stopped, Success
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.study.trial import Proposal

NETWORK = parse("conv-3x4/max dense")


pytestmark = pytest.mark.usefixtures("small_models")


@pytest.fixture(scope="module")
def task(rows: list[Row], small_space: Space) -> TabularTask:
    surrogate = Surrogate.fit(rows, small_space, 1000)
    return TabularTask(surrogate, KeptPrices(small_space.task, "microbit"), Bounds({}), load_board("microbit"))


def test_a_seed_repeats_and_another_one_differs(task: TabularTask) -> None:
    first, again, other = (task(Proposal(configuration=NETWORK), [0, seed]) for seed in (1, 1, 2))
    assert first == again != other
    assert isinstance(first, Success)
    assert first.objectives["ram_bytes"] == task.price(NETWORK, "plan").objectives["ram_bytes"]


def test_a_rung_tells_an_early_error_and_may_stop_the_trial(task: TabularTask) -> None:
    free = task(Proposal(configuration=NETWORK, rungs=(Rung(share=0.25), Rung(share=0.6))), 1)
    assert isinstance(free, Success)
    assert free.rungs[0].error > free.rungs[1].error > free.objectives["error"].value
    stopped = task(Proposal(configuration=NETWORK, rungs=(Rung(share=0.25, limit=0.01, reason="r"),)), 1)
    assert isinstance(stopped, Stopped)
    assert stopped.rungs == free.rungs[:1]
