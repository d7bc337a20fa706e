"""The gate's answers to spoiled models: a sample of what `tests/fuzz/fuzz_gate.py` does for ten minutes."""

from pathlib import Path

import pytest
from gate_oracle import GateOracle
from model_mutations import mutate, mutate_bytes, seeds

from sparse_mcu.costmodel.graph import Graph


@pytest.mark.parametrize("index", range(len(seeds())))
def test_spoiled_models_are_loaded_or_refused(index: int, tmp_path: Path) -> None:
    oracle, seed = GateOracle(tmp_path), seeds()[index]
    assert isinstance(oracle.check(seed), Graph)
    answers = [type(oracle.check(mutate(seed, number))) for number in range(120)]
    answers += [type(oracle.check(mutate_bytes(seed, number))) for number in range(40)]
    # A sample in which nothing, or everything, is refused would show little.
    assert 10 < answers.count(Graph) < 150
