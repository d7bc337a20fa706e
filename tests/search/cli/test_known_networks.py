"""Two small networks keep on the board what they reach on MNIST. MNIST's own files are needed."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from sparse_mcu.costmodel.cli import main
from sparse_mcu.search.results.training import TrainingReport

NET_B = "conv-3x8/max sep-3x16/max sep-3x24 sep-3x24/valid avg dense"
NET_C = "pool2 conv-3x6/max conv-3x12 conv-3x8/valid/max dense"


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("text", "test_accuracy", "ram"), [(NET_B, 0.988, 2112), (NET_C, 0.985, 1028)], ids=["net-b", "net-c"]
)
def test_int8_firmware_is_as_accurate_as_the_float_network(
    shared_data: Path, tmp_path: Path, text: str, test_accuracy: float, ram: int
) -> None:
    report = tmp_path / "report.json"
    options = ("--dataset", "mnist", "--data-dir", str(shared_data / "mnist"), "--board", "microbit", "--test")
    run = CliRunner().invoke(main, ["train", f"{text} levers=recompute1.5", *options, "--json", str(report)])
    assert run.exit_code == 0, run.output
    trained = TrainingReport.model_validate_json(report.read_bytes())
    accuracy, spots = trained.accuracy, trained.spot_check
    assert accuracy.test is not None
    assert accuracy.test >= test_accuracy
    assert accuracy.validation >= accuracy.float - 0.001
    assert trained.ram.total_bytes <= ram
    assert trained.outputs_match_reference
    assert spots is not None
    assert spots.differing == 0
