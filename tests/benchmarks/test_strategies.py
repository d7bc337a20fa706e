"""The comparison of strategies: its task is plausible, prices are kept, and the table says who is ahead."""

from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.benchmarks import synthetic
from sparse_mcu.benchmarks.strategies import ABLATIONS, Comparison, Run, _Contender, _p_value, run_study
from sparse_mcu.benchmarks.synthetic import SPACE, KeptPrices, SyntheticTask, true_error
from sparse_mcu.search.evaluation.result import Rung, Stopped, Success
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.strategies.names import DEFAULT
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.strategies.registry import make_strategy
from sparse_mcu.search.study.trial import Proposal

NET_C = parse("pool2 conv-3x6/max conv-3x12 conv-3x8/valid/max dense")


def test_errors_are_like_those_of_real_networks() -> None:
    assert 0.02 < true_error(NET_C) < 0.05
    assert 0.05 < true_error(parse("pool2 dense-20 dense-16 dense")) < 0.15
    rng = np.random.default_rng(0)
    errors = [true_error(SPACE.sample(rng)) for _ in range(100)]
    assert 0.012 < min(errors) < 0.03
    assert max(errors) > 0.3


def test_a_trial_has_noise_and_may_be_stopped(tmp_path: Path) -> None:
    task = SyntheticTask(KeptPrices(tmp_path / "prices"))
    results = [task(Proposal(configuration=NET_C, rungs=(Rung(share=0.25),)), seed) for seed in (1, 1, 2)]
    assert results[0] == results[1] != results[2]
    assert isinstance(results[0], Success)
    assert results[0].rungs[0].error > results[0].objectives["error"].value
    stopped = task(Proposal(configuration=NET_C, rungs=(Rung(share=0.25, limit=0.01, reason="r"),)), 1)
    assert isinstance(stopped, Stopped)


def test_prices_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = KeptPrices(tmp_path / "prices")(NET_C, "plan")
    monkeypatch.setattr(synthetic, "Pricer", lambda *_: None)
    kept = KeptPrices(tmp_path / "prices")
    assert kept(NET_C, "plan") == first
    assert kept(NET_C, "build").least["ram_bytes"] == first.objectives["ram_bytes"].value


def test_a_study_reports_what_it_reached(tmp_path: Path) -> None:
    task = SyntheticTask(KeptPrices(tmp_path / "prices"))
    run = run_study(_Contender("random", "random", {}), task, 0, [2, 4])
    assert (run.trials, run.stopped, run.beyond_limits) == (4, 0, 0)
    assert 0 < run.volumes[0] <= run.volumes[1]


def test_the_p_value_is_small_if_the_first_is_always_ahead() -> None:
    def made(name: str, gain: float) -> list[Run]:
        fields = {"name": name, "trials": 1, "stopped": 0, "beyond_limits": 0, "seconds": 0.0}
        return [Run(seed=seed, volumes=[1 + gain + seed / 10], **fields) for seed in range(6)]  # type: ignore[arg-type]

    comparison = Comparison(checkpoints=[1], runs=[*made("a", 0.5), *made("b", 0.0)])
    assert float(_p_value(comparison, "a", "b")) < 0.05
    assert float(_p_value(comparison, "b", "a")) > 0.9


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_is_a_parameter_of_the_default(name: str) -> None:
    usual = make_strategy(DEFAULT, Problem(space=SPACE))
    assert make_strategy(DEFAULT, Problem(space=SPACE), ABLATIONS[name]) != usual
