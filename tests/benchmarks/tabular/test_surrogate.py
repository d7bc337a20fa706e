"""The model of a table foretells networks that it has not seen, with the noise that the table shows."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import spearmanr

from sparse_mcu.benchmarks.tabular.pool import LIMITS
from sparse_mcu.benchmarks.tabular.problem import IMAGES, TASKS
from sparse_mcu.benchmarks.tabular.rows import SHARES, Row
from sparse_mcu.benchmarks.tabular.surrogate import Noise, Surrogate, cross_validated
from sparse_mcu.benchmarks.tabular.table import DATASETS, read_table, table_path
from sparse_mcu.search.space.configuration import Configuration, LeverChoice
from sparse_mcu.search.space.space import Space

MakeRow = Callable[[Configuration, int], Row]


@pytest.fixture(scope="module")
def surrogate(rows: list[Row], small_space: Space, small_models: None) -> Surrogate:  # noqa: ARG001
    return Surrogate.fit(rows, small_space, 1000)


def test_it_ranks_networks_that_it_has_not_seen(surrogate: Surrogate, small_space: Space, make_row: MakeRow) -> None:
    rng = np.random.default_rng(77)
    networks = [small_space.sample(rng) for _ in range(60)]
    errors = [make_row(each, 5).error for each in networks]
    assert spearmanr(errors, [surrogate.error(each) for each in networks]).statistic > 0.85


@pytest.mark.usefixtures("small_models")
def test_cross_validation_tells_noise_from_error(rows: list[Row], small_space: Space) -> None:
    found = cross_validated(rows, small_space, 1000, folds=3)
    assert found.rank_correlation > 0.85
    assert found.seed_noise == pytest.approx(0.1, rel=0.5)
    assert found.repeated == 20
    shuffled = np.random.default_rng(0).permutation([row.error for row in rows])
    mixed = [row.model_copy(update={"error": float(error)}) for row, error in zip(rows, shuffled, strict=True)]
    assert abs(cross_validated(mixed, small_space, 1000, folds=3).rank_correlation) < 0.4


def test_drawn_errors_scatter_about_the_foretold_one(surrogate: Surrogate, rows: list[Row]) -> None:
    network = rows[0].configuration
    drawn = np.array([surrogate.draw(network, np.random.default_rng(seed)) for seed in range(200)])
    assert drawn.shape == (200, len(SHARES) + 1)
    odds = np.log(drawn[:, -1] / (1 - drawn[:, -1]))
    assert odds.mean() == pytest.approx(surrogate.log_odds(network)[-1], abs=0.05)
    assert odds.std() == pytest.approx(surrogate.noise.at(surrogate.log_odds(network)[-1])[-1, -1] ** 0.5, rel=0.3)
    assert np.allclose(drawn * 1000, np.round(drawn * 1000))
    assert drawn[:, 0].mean() > drawn[:, -1].mean()


def test_levers_do_not_change_an_error(surrogate: Surrogate, rows: list[Row]) -> None:
    network = rows[0].configuration
    levered = network.model_copy(update={"levers": LeverChoice(streaming=True)})
    assert surrogate.error(network) == surrogate.error(levered)


@pytest.mark.usefixtures("small_models")
def test_without_repetitions_there_is_no_noise(rows: list[Row], small_space: Space) -> None:
    single = list({row.network: row for row in rows}.values())
    assert not Surrogate.fit(single, small_space, 1000).noise.at(-1.0).any()


def test_noise_is_that_of_networks_with_about_the_same_error(rows: list[Row]) -> None:
    """Two networks with three trainings each: one of little error and noise, one of much."""
    odds = np.repeat([[-3.0], [-3.1], [-2.9], [1.0], [0.0], [2.0]], len(SHARES) + 1, axis=1)
    names = ["dense"] * 3 + ["pool2 dense"] * 3
    made = [row.model_copy(update={"network": name}) for row, name in zip(rows, names, strict=False)]
    noise = Noise.of(made, odds)
    assert noise.at(-3.0)[-1, -1] == pytest.approx(0.01, rel=0.15)
    assert noise.at(1.0)[0, 1] == pytest.approx(1.0, rel=0.01)
    assert 0.01 < noise.at(-1.0)[-1, -1] < 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "least"), [("mnist5k", 0.9), ("digits", 0.8)])
def test_the_shipped_tables_are_foretold_well(dataset: str, least: float) -> None:
    assert dataset in DATASETS
    found = cross_validated(read_table(table_path(dataset)), Space(TASKS[dataset], LIMITS), IMAGES[dataset])
    assert found.rank_correlation > least
